// Sums over flat vectors in float64, in one pass or in chunks.
#include "../kernels/sums.cuh"
#include "../kernels/running_sums.cuh"
