// output <- act(input), and inputGradient <- outputGradient * act'(input), over flat vectors; may run in place.
// Launch: one thread for four elements. Bytes: 8 an element forward, 12 backward. Bound by memory: the dearest activation takes about 50 arithmetic
// instructions an element forward and 80 backward, so 200 and 320 for the 32 and 48 bytes of a thread, for which an H100 has time for 320 and 480.
#pragma once
#include "gelu.cuh"
#include "rows.cuh"

struct ActivationForwardArguments
{
    float* output;
    const float* input;
    int64_t length;
    int32_t kind; // ActivationKind
    int32_t unused;
};

struct ActivationBackwardArguments
{
    float* input_gradient;
    const float* output_gradient;
    const float* input;
    int64_t length;
    int32_t kind; // ActivationKind
    int32_t unused;
};

constexpr int ACTIVATION_THREADS = 256;

// The first of the four elements that the calling thread owns.
DEVICE int64_t first_element() { return ((int64_t)blockIdx.x * ACTIVATION_THREADS + threadIdx.x) * 4; }

template <int KIND> DEVICE void activate(const ActivationForwardArguments& a)
{
    const int64_t first = first_element();
    if (is_packed(a.output) && is_packed(a.input) && first + 4 <= a.length)
    {
        Quad x = load_quad<true>(a.input + first, 0, 4);
#pragma unroll
        for (int k = 0; k < 4; k++) x.at[k] = activation_value<KIND>(x.at[k]);
        store_quad<true>(a.output + first, 0, 4, x);
        return;
    }

#pragma unroll 1
    for (int64_t i = first; i < first + 4 && i < a.length; i++) a.output[i] = activation_value<KIND>(a.input[i]);
}

template <int KIND> DEVICE void differentiate(const ActivationBackwardArguments& a)
{
    const int64_t first = first_element();
    if (is_packed(a.input_gradient) && is_packed(a.output_gradient) && is_packed(a.input) && first + 4 <= a.length)
    {
        Quad x = load_quad<true>(a.input + first, 0, 4);
        const Quad dy = load_quad<true>(a.output_gradient + first, 0, 4);
#pragma unroll
        for (int k = 0; k < 4; k++) x.at[k] = dy.at[k] * activation_derivative<KIND>(x.at[k]);
        store_quad<true>(a.input_gradient + first, 0, 4, x);
        return;
    }

#pragma unroll 1
    for (int64_t i = first; i < first + 4 && i < a.length; i++) a.input_gradient[i] = a.output_gradient[i] * activation_derivative<KIND>(a.input[i]);
}

KERNEL(activation_forward, ACTIVATION_THREADS, ActivationForwardArguments)
{
    switch (arguments.kind)
    {
    case ACTIVATION_GELU_ERF: return activate<ACTIVATION_GELU_ERF>(arguments);
    case ACTIVATION_GELU_TANH: return activate<ACTIVATION_GELU_TANH>(arguments);
    case ACTIVATION_GELU_QUICK: return activate<ACTIVATION_GELU_QUICK>(arguments);
    case ACTIVATION_TANH: return activate<ACTIVATION_TANH>(arguments);
    default: return activate<ACTIVATION_NONE>(arguments);
    }
}

KERNEL(activation_backward, ACTIVATION_THREADS, ActivationBackwardArguments)
{
    switch (arguments.kind)
    {
    case ACTIVATION_GELU_ERF: return differentiate<ACTIVATION_GELU_ERF>(arguments);
    case ACTIVATION_GELU_TANH: return differentiate<ACTIVATION_GELU_TANH>(arguments);
    case ACTIVATION_GELU_QUICK: return differentiate<ACTIVATION_GELU_QUICK>(arguments);
    case ACTIVATION_TANH: return differentiate<ACTIVATION_TANH>(arguments);
    default: return differentiate<ACTIVATION_NONE>(arguments);
    }
}
