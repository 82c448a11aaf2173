// Attention in float32 for heads of up to 256 columns.
#include "../kernels/attention_forward_float32.cuh"
#include "../kernels/attention_backward_float32.cuh"

ATTENTION_FORWARD_FLOAT32(256, 4, 1)
ATTENTION_BACKWARD_FLOAT32(256, 2, 1)
