// Attention in float32 for heads of up to 32 columns.
#include "../kernels/attention_forward_float32.cuh"
#include "../kernels/attention_backward_float32.cuh"

ATTENTION_FORWARD_FLOAT32(32, 8, 2)
ATTENTION_BACKWARD_FLOAT32(32, 8, 2)
