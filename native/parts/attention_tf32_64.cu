// Attention with operands rounded to TF32, for heads of up to 64 columns.
#include "../kernels/attention_forward_tensor.cuh"
#include "../kernels/attention_backward_tensor.cuh"

ATTENTION_FORWARD_TENSOR(tf32, Tf32, 64, 64)
ATTENTION_BACKWARD_TENSOR(tf32, Tf32, 64, 32)
