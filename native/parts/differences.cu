// Merging one tensor of several models: differences from a base, their variance, masks by rank.
#include "../kernels/differences.cuh"
#include "../kernels/ranked_mask.cuh"
