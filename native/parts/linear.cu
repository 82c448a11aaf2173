// What stands around matrix products: biases, activations, rounded inputs.
#include "../kernels/round_inputs.cuh"
#include "../kernels/bias_activation.cuh"
#include "../kernels/bias_gradient.cuh"
#include "../kernels/activation.cuh"
