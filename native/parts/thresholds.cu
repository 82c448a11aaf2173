// The search for the threshold of a selection: counts, histograms of digits, the element itself.
#include "../kernels/counts.cuh"
#include "../kernels/histogram.cuh"
#include "../kernels/find.cuh"
