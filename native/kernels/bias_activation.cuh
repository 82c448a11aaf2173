// What follows a linear layer's product where cuBLASLt has no epilogue for it.
//
//   bias_activation: z = product + bias; pre_activation = z; output = act(z). Bias and pre_activation are optional; output and
//       pre_activation may be the product's own memory.
//   activation_derivative_product: gradient = product * act'(pre_activation), or gradient += it. The product may be the gradient's own memory.
//
//   All matrices [rows, columns] with row strides; matrices without gaps come as one long row where there is no bias.
//   Launch: one thread for four columns of a row.
//
// Bound by memory: 4 bytes an element for every matrix that is read or written; the activations cost 10 to 40 operations an element.
#pragma once
#include "gelu.cuh"

struct BiasActivationArguments
{
    float* output;
    float* pre_activation; // or null
    const float* product;
    const float* bias;     // or null
    int64_t output_stride;
    int64_t pre_activation_stride;
    int64_t product_stride;
    int64_t rows;
    int64_t columns;
    int32_t activation;    // ActivationKind
    int32_t packed;        // all four can be accessed 16 bytes at a time
};

struct ActivationDerivativeArguments
{
    float* gradient;
    const float* product;
    const float* pre_activation;
    int64_t gradient_stride;
    int64_t product_stride;
    int64_t pre_activation_stride;
    int64_t rows;
    int64_t columns;
    int32_t activation;
    int32_t accumulate;
    int32_t packed;
    int32_t unused;
};

constexpr int BIAS_ACTIVATION_THREADS = 256;

namespace bias_activation_of {

// Where a thread's four columns are; 32-bit division where it is enough.
struct Place
{
    int64_t row, column;

    DEVICE explicit Place(int64_t columns)
    {
        const uint64_t index = (uint64_t)blockIdx.x * BIAS_ACTIVATION_THREADS + threadIdx.x, packs = ((uint64_t)columns + 3) / 4;
        row = ((index | packs) >> 32) == 0 ? (int64_t)((uint32_t)index / (uint32_t)packs) : (int64_t)(index / packs);
        column = 4 * ((int64_t)index - row * (int64_t)packs);
    }
};

DEVICE Vector4 load(const float* p, int count, bool packed)
{
    if (packed && count == 4) return load4(p);
    Vector4 v = { p[0], 0, 0, 0 };
    if (count > 1) v.y = p[1];
    if (count > 2) v.z = p[2];
    if (count > 3) v.w = p[3];
    return v;
}

DEVICE void store(float* p, Vector4 v, int count, bool packed)
{
    if (packed && count == 4)
    {
        store4(p, v);
        return;
    }

    p[0] = v.x;
    if (count > 1) p[1] = v.y;
    if (count > 2) p[2] = v.z;
    if (count > 3) p[3] = v.w;
}

template <int KIND> DEVICE Vector4 values(Vector4 z)
{
    return { activation_value<KIND>(z.x), activation_value<KIND>(z.y), activation_value<KIND>(z.z), activation_value<KIND>(z.w) };
}

template <int KIND> DEVICE Vector4 derivatives(Vector4 z)
{
    return { activation_derivative<KIND>(z.x), activation_derivative<KIND>(z.y), activation_derivative<KIND>(z.z), activation_derivative<KIND>(z.w) };
}

DEVICE Vector4 values(int32_t kind, Vector4 z)
{
    switch (kind)
    {
        case ACTIVATION_GELU_ERF: return values<ACTIVATION_GELU_ERF>(z);
        case ACTIVATION_GELU_TANH: return values<ACTIVATION_GELU_TANH>(z);
        case ACTIVATION_GELU_QUICK: return values<ACTIVATION_GELU_QUICK>(z);
        case ACTIVATION_TANH: return values<ACTIVATION_TANH>(z);
        default: return z;
    }
}

DEVICE Vector4 derivatives(int32_t kind, Vector4 z)
{
    switch (kind)
    {
        case ACTIVATION_GELU_ERF: return derivatives<ACTIVATION_GELU_ERF>(z);
        case ACTIVATION_GELU_TANH: return derivatives<ACTIVATION_GELU_TANH>(z);
        case ACTIVATION_GELU_QUICK: return derivatives<ACTIVATION_GELU_QUICK>(z);
        case ACTIVATION_TANH: return derivatives<ACTIVATION_TANH>(z);
        default: return { 1, 1, 1, 1 };
    }
}

} // namespace bias_activation_of

KERNEL(bias_activation, BIAS_ACTIVATION_THREADS, BiasActivationArguments)
{
    using namespace bias_activation_of;
    const Place place(arguments.columns);
    if (place.row >= arguments.rows) return;
    const int count = arguments.columns - place.column < 4 ? (int)(arguments.columns - place.column) : 4;
    Vector4 z = load(arguments.product + place.row * arguments.product_stride + place.column, count, arguments.packed);
    if (arguments.bias)
    {
        const Vector4 b = load(arguments.bias + place.column, count, arguments.packed);
        z = { z.x + b.x, z.y + b.y, z.z + b.z, z.w + b.w };
    }

    if (arguments.pre_activation)
        store(arguments.pre_activation + place.row * arguments.pre_activation_stride + place.column, z, count, arguments.packed);
    store(arguments.output + place.row * arguments.output_stride + place.column, values(arguments.activation, z), count, arguments.packed);
}

KERNEL(activation_derivative_product, BIAS_ACTIVATION_THREADS, ActivationDerivativeArguments)
{
    using namespace bias_activation_of;
    const Place place(arguments.columns);
    if (place.row >= arguments.rows) return;
    const int count = arguments.columns - place.column < 4 ? (int)(arguments.columns - place.column) : 4;
    const Vector4 product = load(arguments.product + place.row * arguments.product_stride + place.column, count, arguments.packed);
    const Vector4 z = load(arguments.pre_activation + place.row * arguments.pre_activation_stride + place.column, count, arguments.packed);
    const Vector4 d = derivatives(arguments.activation, z);
    Vector4 gradient = { product.x * d.x, product.y * d.y, product.z * d.z, product.w * d.w };
    float* const to = arguments.gradient + place.row * arguments.gradient_stride + place.column;
    if (arguments.accumulate)
    {
        const Vector4 old = load(to, count, arguments.packed);
        gradient = { old.x + gradient.x, old.y + gradient.y, old.z + gradient.z, old.w + gradient.w };
    }

    store(to, gradient, count, arguments.packed);
}
