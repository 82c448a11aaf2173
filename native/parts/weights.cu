// Merges in which every element has a weight of its own: Fisher information, competition between tasks.
#include "../kernels/weights.cuh"
