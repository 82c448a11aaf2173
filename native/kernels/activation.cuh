// output <- act(input), and inputGradient <- outputGradient * act'(input), over flat vectors; may run in place.
// Launch: one thread for four elements. Bytes: 8 an element forward, 12 backward. Bound by memory: the dearest activation takes about 60 arithmetic
// instructions an element, some 240 for the 32 or 48 bytes of a thread, where an H100 has 350 to spare.
#pragma once
#include "gelu.cuh"
#include "rows.cuh"

struct ActivationForward
{
    float* output;
    const float* input;
    int64_t length;
    int32_t kind; // ActivationKind
    int32_t unused;
};

struct ActivationBackward
{
    float* input_gradient;
    const float* output_gradient;
    const float* input;
    int64_t length;
    int32_t kind; // ActivationKind
    int32_t unused;
};

constexpr int ACTIVATION_THREADS = 256;

// The four elements that the calling thread owns, or fewer at the end of a vector: `width` of them from `start` on.
struct FlatQuad
{
    int64_t start;
    uint32_t width;

    DEVICE explicit FlatQuad(int64_t length)
    {
        start = ((int64_t)blockIdx.x * ACTIVATION_THREADS + threadIdx.x) * 4;
        const int64_t left = length - start;
        width = left >= 4 ? 4u : left > 0 ? (uint32_t)left : 0u;
    }

    DEVICE Quad load(const float* vector) const
    {
        return width == 4 && is_packed(vector) ? load_quad<true>(vector + start, 0, 4) : load_quad<false>(vector + start, 0, width);
    }

    DEVICE void store(float* vector, const Quad& values) const
    {
        if (width == 4 && is_packed(vector)) store_quad<true>(vector + start, 0, 4, values);
        else store_quad<false>(vector + start, 0, width, values);
    }
};

template <int KIND> DEVICE void activate(const ActivationForward& a)
{
    const FlatQuad own(a.length);
    Quad x = own.load(a.input);
#pragma unroll
    for (int k = 0; k < 4; k++) x.at[k] = activation_value<KIND>(x.at[k]);
    own.store(a.output, x);
}

template <int KIND> DEVICE void differentiate(const ActivationBackward& a)
{
    const FlatQuad own(a.length);
    Quad x = own.load(a.input);
    const Quad dy = own.load(a.output_gradient);
#pragma unroll
    for (int k = 0; k < 4; k++) x.at[k] = dy.at[k] * activation_derivative<KIND>(x.at[k]);
    own.store(a.input_gradient, x);
}

KERNEL(activation_forward, ACTIVATION_THREADS, ActivationForward)
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

KERNEL(activation_backward, ACTIVATION_THREADS, ActivationBackward)
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
