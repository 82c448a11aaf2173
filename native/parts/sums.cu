// Sums over flat vectors in float64, in one pass or in chunks, over their rows and columns, and what merges make of them.
#include "../kernels/sums.cuh"
#include "../kernels/running_sums.cuh"
#include "../kernels/groups.cuh"
#include "../kernels/row_divergence.cuh"
