// What makes token sequences and takes them apart.
#include "../kernels/patches.cuh"
#include "../kernels/tokens.cuh"
#include "../kernels/embedding.cuh"
#include "../kernels/mean_pool.cuh"
#include "../kernels/attention_output_dots.cuh"
