// output <- (x - mean) / sqrt(variance + epsilon) * weight + bias by row (arXiv 1607.06450), with x = input or, in one pass over memory,
// x = input + residual, which is kept in `sum` for the residual stream and the backward pass.
//
// Mean and variance are taken from differences to a point near the mean, so that a row with a large mean loses nothing: the first pass sums x - x0, the
// second x - m for the rounded mean m that came out, and what m lacks goes into the result. Lanes add in float32, lanes are put together in float64.
//
// Launch: rows of up to 1024 columns take a warp each, which holds the row in registers (layer_norm_forward); wider rows take a block, which
// reads its row again from the first-level cache (layer_norm_forward_wide). Bytes: 8 an element, 16 with a residual, and 8 a row; weight and bias stay
// in the caches. Six arithmetic instructions an element and 40 shuffles a row: bound by memory.
#pragma once
#include "reduce.cuh"
#include "rows.cuh"

struct LayerNormForwardArguments
{
    Rows output;              // [rows, columns]; may be input
    Rows input;               // [rows, columns]
    Rows residual;            // [rows, columns], or none
    Rows sum;                 // [rows, columns], with a residual; may be input or residual
    const float* weight;      // [columns]
    const float* bias;        // [columns]
    float* mean;              // [rows], or none
    float* inverse_deviation; // [rows], or none
    double inverse_width;     // 1 / columns
    double epsilon;
    int32_t rows, columns;
};

constexpr int LAYER_NORM_WARPS = 4;
constexpr int LAYER_NORM_THREADS = 32 * LAYER_NORM_WARPS;
constexpr int LAYER_NORM_WIDE_THREADS = 256;
constexpr int LAYER_NORM_QUADS = 8; // packets of a lane: rows of up to 32 * 8 * 4 = 1024 columns

// The moments of a row: a float32 near the mean, what the mean is beyond it, and 1 / sqrt(variance + epsilon).
struct Moments
{
    float near, inverse;
    double rest;

    // From the sums of x - near and (x - near)^2.
    DEVICE Moments(float near_mean, double sum, double squares, double inverse_width, double epsilon) : near(near_mean)
    {
        rest = sum * inverse_width;
        const double variance = squares * inverse_width - rest * rest;
        inverse = divide(1.0f, square_root((float)((variance > 0.0 ? variance : variance != variance ? variance : 0.0) + epsilon)));
    }

    DEVICE float mean() const { return (float)(near + rest); }
};

DEVICE void keep_moments(const LayerNormForwardArguments& a, int64_t row, const Moments& moments)
{
    if (a.mean != nullptr) a.mean[row] = moments.mean();
    if (a.inverse_deviation != nullptr) a.inverse_deviation[row] = moments.inverse;
}

// ((x - near) * inverse + shift) * weight + bias.
template <bool PACKED> DEVICE Quad normalized(const LayerNormForwardArguments& a, const Moments& moments, const Quad& x, uint32_t column, uint32_t width)
{
    const float shift = (float)(-moments.rest * moments.inverse);
    const Quad weight = load_quad<PACKED>(a.weight, column, width), bias = load_quad<PACKED>(a.bias, column, width);
    Quad y;
#pragma unroll
    for (int k = 0; k < 4; k++) y.at[k] = fused(fused(x.at[k] - moments.near, moments.inverse, shift), weight.at[k], bias.at[k]);
    return y;
}

DEVICE bool is_packed(const LayerNormForwardArguments& a)
{
    return a.output.packed(a.columns) && a.input.packed(a.columns) && a.residual.packed(a.columns) && a.sum.packed(a.columns) && is_packed(a.weight) && is_packed(a.bias);
}

// The first column of a lane's packet i.
DEVICE uint32_t layer_norm_column(int i) { return ((uint32_t)i * 32 + lane_id()) * 4; }

template <bool PACKED> DEVICE void normalize_in_registers(const LayerNormForwardArguments& a)
{
    const int64_t row = (int64_t)blockIdx.x * LAYER_NORM_WARPS + warp_id();
    if (row >= a.rows) return;
    const uint32_t width = (uint32_t)a.columns;
    const float* input = a.input[row];
    Quad x[LAYER_NORM_QUADS];
#pragma unroll
    for (int i = 0; i < LAYER_NORM_QUADS; i++) x[i] = load_quad<PACKED>(input, layer_norm_column(i), width);
    if (a.residual.data != nullptr)
    {
        const float* residual = a.residual[row];
        float* sum = a.sum[row];
        Quad r[LAYER_NORM_QUADS];
#pragma unroll
        for (int i = 0; i < LAYER_NORM_QUADS; i++) r[i] = load_quad<PACKED>(residual, layer_norm_column(i), width);
#pragma unroll
        for (int i = 0; i < LAYER_NORM_QUADS; i++)
        {
#pragma unroll
            for (int k = 0; k < 4; k++) x[i].at[k] += r[i].at[k];
            store_quad<PACKED>(sum, layer_norm_column(i), width, x[i]);
        }
    }

    const float origin = shuffle(x[0].at[0], 0);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < LAYER_NORM_QUADS; i++)
    {
#pragma unroll
        for (uint32_t k = 0; k < 4; k++) sum += layer_norm_column(i) + (PACKED ? 0 : k) < width ? x[i].at[k] - origin : 0.0f;
    }

    const float near = (float)(origin + warp_sum((double)sum) * a.inverse_width);
    float squares = 0.0f;
    sum = 0.0f;
#pragma unroll
    for (int i = 0; i < LAYER_NORM_QUADS; i++)
    {
#pragma unroll
        for (uint32_t k = 0; k < 4; k++)
        {
            const float difference = layer_norm_column(i) + (PACKED ? 0 : k) < width ? x[i].at[k] - near : 0.0f;
            sum += difference;
            squares = fused(difference, difference, squares);
        }
    }

    const double total = warp_sum((double)sum), total_squares = warp_sum((double)squares);
    const Moments moments(near, total, total_squares, a.inverse_width, a.epsilon);
    if (lane_id() == 0) keep_moments(a, row, moments);
    float* output = a.output[row];
#pragma unroll
    for (int i = 0; i < LAYER_NORM_QUADS; i++)
        store_quad<PACKED>(output, layer_norm_column(i), width, normalized<PACKED>(a, moments, x[i], layer_norm_column(i), width));
}

template <bool PACKED> DEVICE void normalize_from_cache(const LayerNormForwardArguments& a)
{
    constexpr uint32_t step = LAYER_NORM_WIDE_THREADS * 4;
    const int64_t row = blockIdx.x;
    const uint32_t width = (uint32_t)a.columns;
    const float* x = a.input[row];
    if (a.residual.data != nullptr)
    {
        const float* residual = a.residual[row];
        float* kept = a.sum[row];
        for (uint32_t column = threadIdx.x * 4; column < width; column += step)
        {
            Quad quad = load_quad<PACKED>(x, column, width);
            const Quad r = load_quad<PACKED>(residual, column, width);
#pragma unroll
            for (int k = 0; k < 4; k++) quad.at[k] += r.at[k];
            store_quad<PACKED>(kept, column, width, quad);
        }

        x = kept;
        sync_threads(); // Every thread takes the first element as the origin.
    }

    const float origin = x[0];
    float sum = 0.0f;
    for (uint32_t column = threadIdx.x * 4; column < width; column += step)
    {
        const Quad quad = load_quad<PACKED>(x, column, width);
#pragma unroll
        for (uint32_t k = 0; k < 4; k++) sum += PACKED || column + k < width ? quad.at[k] - origin : 0.0f;
    }

    const float near = (float)(origin + block_sum<LAYER_NORM_WIDE_THREADS>((double)sum) * a.inverse_width);
    float squares = 0.0f;
    sum = 0.0f;
    for (uint32_t column = threadIdx.x * 4; column < width; column += step)
    {
        const Quad quad = load_quad<PACKED>(x, column, width);
#pragma unroll
        for (uint32_t k = 0; k < 4; k++)
        {
            const float difference = PACKED || column + k < width ? quad.at[k] - near : 0.0f;
            sum += difference;
            squares = fused(difference, difference, squares);
        }
    }

    const double total = block_sum<LAYER_NORM_WIDE_THREADS>((double)sum), total_squares = block_sum<LAYER_NORM_WIDE_THREADS>((double)squares);
    const Moments moments(near, total, total_squares, a.inverse_width, a.epsilon);
    if (threadIdx.x == 0) keep_moments(a, row, moments);
    float* output = a.output[row];
    for (uint32_t column = threadIdx.x * 4; column < width; column += step)
        store_quad<PACKED>(output, column, width, normalized<PACKED>(a, moments, load_quad<PACKED>(x, column, width), column, width));
}

KERNEL(layer_norm_forward, LAYER_NORM_THREADS, LayerNormForwardArguments)
{
    if (is_packed(arguments)) normalize_in_registers<true>(arguments);
    else normalize_in_registers<false>(arguments);
}

KERNEL(layer_norm_forward_wide, LAYER_NORM_WIDE_THREADS, LayerNormForwardArguments)
{
    if (is_packed(arguments)) normalize_from_cache<true>(arguments);
    else normalize_from_cache<false>(arguments);
}
