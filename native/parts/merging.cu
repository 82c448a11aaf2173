// Masks, elections and what else merge methods do to a list of models.
#include "../kernels/selection.cuh"
#include "../kernels/election.cuh"
#include "../kernels/cross_magnitude.cuh"
#include "../kernels/random_mask.cuh"
