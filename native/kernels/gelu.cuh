// The activations of src/Tensors/Operations/Activation.cs and their derivatives, as on the CPU (VectorMath/Gelu.cs): values and derivatives
// within 2e-7 max(1, |x|) of float64, limits kept at +-infinity. For kernels that apply one to what they hold in registers.
#pragma once
#include "math.cuh"

// The values of the C# enumeration Activation.
enum ActivationKind : int32_t { ACTIVATION_NONE, ACTIVATION_GELU_ERF, ACTIVATION_GELU_TANH, ACTIVATION_GELU_QUICK, ACTIVATION_TANH };

// Minus infinity becomes the lowest finite number, so that times a factor of 0 it gives the limit 0 and not NaN.
DEVICE float keep_finite(float x) { return -3.40282347e38f > x ? -3.40282347e38f : x; }

// The normal distribution's (1 + erf(x / sqrt 2)) / 2.
DEVICE float normal_distribution(float x) { return fused(error_function(x * 0.707106781f), 0.5f, 0.5f); }

// x Phi(x) (arXiv 1606.08415).
DEVICE float gelu_erf(float x) { return keep_finite(x) * normal_distribution(x); }

// Phi(x) + x phi(x) with the density phi(x) = exp(-x^2 / 2) / sqrt(2 pi).
DEVICE float gelu_erf_derivative(float x)
{
    const float near = clamp(x, -20.0f, 20.0f); // the density is 0 beyond
    const float density = exponential(near * near * -0.5f);
    return fused(near * 0.398942280f, density, normal_distribution(x));
}

// 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3); (1 + tanh u) / 2 is its sigmoid.
DEVICE float gelu_tanh_argument(float x) { return fused(x * x, 2.0f * 0.797884561f * 0.044715f, 2.0f * 0.797884561f) * x; }

// x (1 + tanh u) / 2 (arXiv 1606.08415, section 2).
DEVICE float gelu_tanh(float x) { return keep_finite(x) * sigmoid(gelu_tanh_argument(clamp(x, -20.0f, 20.0f))); }

// With s = (1 + tanh u) / 2: s + 2 x s (1 - s) u'.
DEVICE float gelu_tanh_derivative(float x)
{
    x = clamp(x, -20.0f, 20.0f); // 0 or 1 beyond
    float tail;
    const float s = sigmoid(gelu_tanh_argument(x), tail);
    const float slope = fused(x * x, 2.0f * 0.797884561f * 3.0f * 0.044715f, 2.0f * 0.797884561f);
    return fused(x * slope, tail, s);
}

// x sigmoid(1.702 x), as OpenAI's CLIP uses it.
DEVICE float gelu_quick(float x) { return keep_finite(x) * sigmoid(x * 1.702f); }

// With s = sigmoid(1.702 x): s + 1.702 x s (1 - s).
DEVICE float gelu_quick_derivative(float x)
{
    x = clamp(x, -100.0f, 100.0f); // 0 or 1 beyond
    float tail;
    const float s = sigmoid(x * 1.702f, tail);
    return fused(x * 1.702f, tail, s);
}

DEVICE float hyperbolic_tangent_derivative(float x)
{
    const float t = hyperbolic_tangent(x);
    return fused(-t, t, 1.0f);
}

template <int KIND> DEVICE float activation_value(float x)
{
    return KIND == ACTIVATION_GELU_ERF ? gelu_erf(x)
        : KIND == ACTIVATION_GELU_TANH ? gelu_tanh(x)
        : KIND == ACTIVATION_GELU_QUICK ? gelu_quick(x)
        : KIND == ACTIVATION_TANH ? hyperbolic_tangent(x)
        : x;
}

template <int KIND> DEVICE float activation_derivative(float x)
{
    return KIND == ACTIVATION_GELU_ERF ? gelu_erf_derivative(x)
        : KIND == ACTIVATION_GELU_TANH ? gelu_tanh_derivative(x)
        : KIND == ACTIVATION_GELU_QUICK ? gelu_quick_derivative(x)
        : KIND == ACTIVATION_TANH ? hyperbolic_tangent_derivative(x)
        : 1.0f;
}
