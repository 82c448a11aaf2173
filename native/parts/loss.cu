// What becomes of logits.
#include "../kernels/cross_entropy.cuh"
#include "../kernels/entropy.cuh"
#include "../kernels/arg_max.cuh"
