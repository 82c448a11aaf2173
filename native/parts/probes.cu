// What a card can do at most.
#include "../kernels/probes.cuh"
