// Layer normalization, scaled columns, rows of unit length, and the sums over rows that all gradients of vectors end with.
#include "../kernels/column_sums_finish.cuh"
#include "../kernels/scale_columns.cuh"
#include "../kernels/layer_norm_forward.cuh"
#include "../kernels/layer_norm_backward.cuh"
#include "../kernels/normalize_rows.cuh"
