// Attention with operands rounded to bfloat16, for heads of up to 64 columns.
#include "../kernels/attention_forward_tensor.cuh"
#include "../kernels/attention_backward_tensor.cuh"

ATTENTION_FORWARD_TENSOR(bf16, Bf16, 64, 64)
ATTENTION_BACKWARD_TENSOR(bf16, Bf16, 64, 32)
