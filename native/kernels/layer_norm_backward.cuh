// Backward pass of LayerNorm: dx = (g - mean(g) - n mean(g n)) / deviation by row, with g = dy weight and n = (x - mean) / deviation;
// dweight += sum over rows of dy n and dbias += sum of dy, through column_sums.cuh. The sums come first, because dx may be dy.
//
// Launch: rows of up to 1024 columns take a warp each, which holds g and n in registers; wider rows take a block, which reads its row again from the
// first-level cache. Bytes: 12 an element for dx (16 when it is added to), 8 for the sums, whose reads come out of the second-level
// cache where a layer's activations fit it. About ten arithmetic instructions an element: bound by memory.
#pragma once
#include "column_sums.cuh"
#include "layer_norm_forward.cuh"

struct LayerNormBackwardArguments
{
    Rows input_gradient;            // [rows, columns]; may be output_gradient
    Rows output_gradient;           // [rows, columns]
    Rows input;                     // [rows, columns]
    const float* mean;              // [rows]
    const float* inverse_deviation; // [rows]
    const float* weight;            // [columns]
    double inverse_width;           // 1 / columns
    int32_t rows, columns;
    int32_t accumulate;
    int32_t unused;
};

struct LayerNormSumsArguments
{
    ColumnSections sections;
    Rows output_gradient;           // [rows, columns]
    Rows input;                     // [rows, columns]
    const float* mean;              // [rows]
    const float* inverse_deviation; // [rows]
};

DEVICE bool is_packed(const LayerNormBackwardArguments& a)
{
    return a.input_gradient.packed(a.columns) && a.output_gradient.packed(a.columns) && a.input.packed(a.columns) && is_packed(a.weight);
}

// g and n of one packet, from dy and x. Behind the end of a row dy is 0, so nothing is added there.
template <bool PACKED> DEVICE void layer_norm_terms(const LayerNormBackwardArguments& a, uint32_t column, float mean, float inverse, Quad& g, Quad& n)
{
    const Quad weight = load_quad<PACKED>(a.weight, column, (uint32_t)a.columns);
#pragma unroll
    for (int k = 0; k < 4; k++)
    {
        g.at[k] *= weight.at[k];
        n.at[k] = (n.at[k] - mean) * inverse;
    }
}

// What a row's g and n sum up to, lane by lane.
struct LayerNormProducts
{
    float sum = 0.0f, product = 0.0f;

    DEVICE void add(const Quad& g, const Quad& n)
    {
#pragma unroll
        for (int k = 0; k < 4; k++)
        {
            sum += g.at[k];
            product = fused(g.at[k], n.at[k], product);
        }
    }
};

template <bool PACKED> DEVICE void write_layer_norm_gradient(
    const LayerNormBackwardArguments& a, float* target, uint32_t column, float inverse, float average, float slope, const Quad& g, const Quad& n)
{
    const uint32_t width = (uint32_t)a.columns;
    Quad old = {};
    if (a.accumulate != 0) old = load_quad<PACKED>(target, column, width);
#pragma unroll
    for (int k = 0; k < 4; k++) old.at[k] = fused(g.at[k] - average - n.at[k] * slope, inverse, old.at[k]);
    store_quad<PACKED>(target, column, width, old);
}

template <bool PACKED> DEVICE void differentiate_in_registers(const LayerNormBackwardArguments& a)
{
    const int64_t row = (int64_t)blockIdx.x * LAYER_NORM_WARPS + warp_id();
    if (row >= a.rows) return;
    const uint32_t width = (uint32_t)a.columns;
    const float* gradient = a.output_gradient[row];
    const float* input = a.input[row];
    const float mean = a.mean[row], inverse = a.inverse_deviation[row];
    Quad g[LAYER_NORM_QUADS], n[LAYER_NORM_QUADS];
#pragma unroll
    for (int i = 0; i < LAYER_NORM_QUADS; i++)
    {
        g[i] = load_quad<PACKED>(gradient, layer_norm_column(i), width);
        n[i] = load_quad<PACKED>(input, layer_norm_column(i), width);
    }

    LayerNormProducts own;
#pragma unroll
    for (int i = 0; i < LAYER_NORM_QUADS; i++)
    {
        layer_norm_terms<PACKED>(a, layer_norm_column(i), mean, inverse, g[i], n[i]);
        own.add(g[i], n[i]);
    }

    const double sum = warp_sum((double)own.sum), product = warp_sum((double)own.product);
    const float average = (float)(sum * a.inverse_width), slope = (float)(product * a.inverse_width);
    float* target = a.input_gradient[row];
#pragma unroll
    for (int i = 0; i < LAYER_NORM_QUADS; i++) write_layer_norm_gradient<PACKED>(a, target, layer_norm_column(i), inverse, average, slope, g[i], n[i]);
}

template <bool PACKED> DEVICE void differentiate_from_cache(const LayerNormBackwardArguments& a)
{
    constexpr uint32_t step = LAYER_NORM_WIDE_THREADS * 4;
    const int64_t row = blockIdx.x;
    const uint32_t width = (uint32_t)a.columns;
    const float* gradient = a.output_gradient[row];
    const float* input = a.input[row];
    const float mean = a.mean[row], inverse = a.inverse_deviation[row];
    LayerNormProducts own;
    for (uint32_t column = threadIdx.x * 4; column < width; column += step)
    {
        Quad g = load_quad<PACKED>(gradient, column, width), n = load_quad<PACKED>(input, column, width);
        layer_norm_terms<PACKED>(a, column, mean, inverse, g, n);
        own.add(g, n);
    }

    const double sum = block_sum<LAYER_NORM_WIDE_THREADS>((double)own.sum), product = block_sum<LAYER_NORM_WIDE_THREADS>((double)own.product);
    const float average = (float)(sum * a.inverse_width), slope = (float)(product * a.inverse_width);
    float* target = a.input_gradient[row];
    for (uint32_t column = threadIdx.x * 4; column < width; column += step)
    {
        Quad g = load_quad<PACKED>(gradient, column, width), n = load_quad<PACKED>(input, column, width);
        layer_norm_terms<PACKED>(a, column, mean, inverse, g, n);
        write_layer_norm_gradient<PACKED>(a, target, column, inverse, average, slope, g, n);
    }
}

KERNEL(layer_norm_backward, LAYER_NORM_THREADS, LayerNormBackwardArguments)
{
    if (is_packed(arguments)) differentiate_in_registers<true>(arguments);
    else differentiate_in_registers<false>(arguments);
}

KERNEL(layer_norm_backward_wide, LAYER_NORM_WIDE_THREADS, LayerNormBackwardArguments)
{
    if (is_packed(arguments)) differentiate_from_cache<true>(arguments);
    else differentiate_from_cache<false>(arguments);
}

// dy n and dy.
template <bool PACKED> struct LayerNormTerm
{
    struct Loaded
    {
        Quad dy, x;
        float mean, inverse;
    };

    Rows output_gradient, input;
    const float* mean;
    const float* inverse_deviation;
    uint32_t width;

    DEVICE Loaded load(int64_t row, uint32_t column) const
    {
        return { load_quad<PACKED>(output_gradient[row], column, width), load_quad<PACKED>(input[row], column, width), mean[row], inverse_deviation[row] };
    }

    DEVICE void add(Quad (&sums)[2], const Loaded& loaded) const
    {
#pragma unroll
        for (int k = 0; k < 4; k++)
        {
            sums[0].at[k] = fused(loaded.dy.at[k], (loaded.x.at[k] - loaded.mean) * loaded.inverse, sums[0].at[k]);
            sums[1].at[k] += loaded.dy.at[k];
        }
    }
};

template <bool PACKED> DEVICE void sum_layer_norm(const LayerNormSumsArguments& a)
{
    const LayerNormTerm<PACKED> term = { a.output_gradient, a.input, a.mean, a.inverse_deviation, (uint32_t)a.sections.columns };
    sum_section<2>(a.sections, term);
}

KERNEL(layer_norm_sums, COLUMN_THREADS, LayerNormSumsArguments)
{
    const int32_t columns = arguments.sections.columns;
    if (arguments.output_gradient.packed(columns) && arguments.input.packed(columns)) sum_layer_norm<true>(arguments);
    else sum_layer_norm<false>(arguments);
}
