// Attention with operands rounded to TF32, for heads of up to 32 columns.
#include "../kernels/attention_forward_tensor.cuh"
#include "../kernels/attention_backward_tensor.cuh"

ATTENTION_FORWARD_TENSOR(tf32, Tf32, 32, 64)
ATTENTION_BACKWARD_TENSOR(tf32, Tf32, 32, 32)
