// output <- input / max(|input|, 1e-12) by row, and its backward pass dx = (dy - y <y, dy>) / max(|x|, 1e-12).
// Launch: a warp a row. Bytes: 8 an element forward, 12 backward (the second reading of a row comes from the first-level cache). Squares and products
// are added in float64: one multiply-add an element, so rows of any magnitude keep their digits.
#pragma once
#include "reduce.cuh"
#include "rows.cuh"

struct NormalizeRowsForwardArguments
{
    Rows output;  // [rows, columns]; may be input
    Rows input;   // [rows, columns]
    float* norms; // [rows], or none
    int32_t rows, columns;
};

struct NormalizeRowsBackwardArguments
{
    Rows input_gradient;  // [rows, columns]; may be output_gradient
    Rows output_gradient; // [rows, columns]
    Rows output;          // [rows, columns]
    const float* norms;   // [rows]
    int32_t rows, columns;
};

constexpr int NORMALIZE_ROWS_WARPS = 4;
constexpr int NORMALIZE_ROWS_THREADS = 32 * NORMALIZE_ROWS_WARPS;

template <bool PACKED> DEVICE void normalize_rows(const NormalizeRowsForwardArguments& arguments)
{
    const int64_t row = (int64_t)blockIdx.x * NORMALIZE_ROWS_WARPS + warp_id();
    if (row >= arguments.rows) return;
    const uint32_t width = (uint32_t)arguments.columns;
    const float* input = arguments.input[row];
    float* output = arguments.output[row];
    double square = 0.0;
    for (uint32_t column = lane_id() * 4; column < width; column += 128)
    {
        const Quad x = load_quad<PACKED>(input, column, width);
#pragma unroll
        for (int k = 0; k < 4; k++) square = fused((double)x.at[k], (double)x.at[k], square);
    }

    const double norm = square_root(warp_sum(square));
    if (arguments.norms != nullptr && lane_id() == 0) arguments.norms[row] = (float)norm;
    const bool small = norm < 1e30; // beyond, float32 would lose digits of 1 / norm
    const float factor = (float)divide(1.0, norm < 1e-12 ? 1e-12 : norm);
    for (uint32_t column = lane_id() * 4; column < width; column += 128)
    {
        Quad x = load_quad<PACKED>(input, column, width);
#pragma unroll
        for (int k = 0; k < 4; k++) x.at[k] = small ? x.at[k] * factor : (float)divide((double)x.at[k], norm);
        store_quad<PACKED>(output, column, width, x);
    }
}

KERNEL(normalize_rows_forward, NORMALIZE_ROWS_THREADS, NormalizeRowsForwardArguments)
{
    if (arguments.output.packed(arguments.columns) && arguments.input.packed(arguments.columns)) normalize_rows<true>(arguments);
    else normalize_rows<false>(arguments);
}

template <bool PACKED> DEVICE void differentiate_normalized_rows(const NormalizeRowsBackwardArguments& arguments)
{
    const int64_t row = (int64_t)blockIdx.x * NORMALIZE_ROWS_WARPS + warp_id();
    if (row >= arguments.rows) return;
    const uint32_t width = (uint32_t)arguments.columns;
    const float* gradient = arguments.output_gradient[row];
    const float* output = arguments.output[row];
    float* target = arguments.input_gradient[row];
    double product = 0.0;
    for (uint32_t column = lane_id() * 4; column < width; column += 128)
    {
        const Quad dy = load_quad<PACKED>(gradient, column, width), y = load_quad<PACKED>(output, column, width);
#pragma unroll
        for (int k = 0; k < 4; k++) product = fused((double)dy.at[k], (double)y.at[k], product);
    }

    const float dot = (float)-warp_sum(product), norm = arguments.norms[row];
    const float factor = (float)divide(1.0, norm < 1e-12 ? 1e-12 : (double)norm);
    for (uint32_t column = lane_id() * 4; column < width; column += 128)
    {
        Quad dy = load_quad<PACKED>(gradient, column, width);
        const Quad y = load_quad<PACKED>(output, column, width);
#pragma unroll
        for (int k = 0; k < 4; k++) dy.at[k] = fused(y.at[k], dot, dy.at[k]) * factor;
        store_quad<PACKED>(target, column, width, dy);
    }
}

KERNEL(normalize_rows_backward, NORMALIZE_ROWS_THREADS, NormalizeRowsBackwardArguments)
{
    if (arguments.input_gradient.packed(arguments.columns) && arguments.output_gradient.packed(arguments.columns) && arguments.output.packed(arguments.columns)) differentiate_normalized_rows<true>(arguments);
    else differentiate_normalized_rows<false>(arguments);
}
