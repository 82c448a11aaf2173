// Arithmetic over flat vectors, optimizers, copies: a part of every run.
#include "../kernels/vector.cuh"
#include "../kernels/weighted_sum.cuh"
#include "../kernels/write_table.cuh"
#include "../kernels/optimizers.cuh"
#include "../kernels/copy_matrix.cuh"
#include "../kernels/scale_matrix.cuh"
#include "../kernels/add_parts.cuh"
