// Weight gradients of each sample by itself, in every precision.
#include "../kernels/per_sample_product.cuh"
#include "../kernels/per_sample_product_mma.cuh"
