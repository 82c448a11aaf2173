// Layer scale (arXiv 2103.17239): output[r, c] <- input[r, c] * scale[c] + residual[r, c]; backward inputGradient <- outputGradient * scale and
// scaleGradient += sum over rows of outputGradient * input, through column_sums.cuh.
// Launch: RowTile; the sums as in column_sums.cuh. Bytes: 8 to 12 an element forward (the scale stays in the caches), 8 + 8 backward; one
// multiply-add an element. The sums come first, because inputGradient may be outputGradient.
#pragma once
#include "column_sums.cuh"

struct ScaleColumnsArguments
{
    Rows output;        // [rows, columns]; may be input or residual
    Rows input;         // [rows, columns]
    Rows residual;      // [rows, columns], or none
    const float* scale; // [columns]
    int32_t rows, columns;
    int32_t lanes_log2;
    int32_t unused;
};

struct ScaleColumnsSumsArguments
{
    ColumnSections sections;
    Rows output_gradient; // [rows, columns]
    Rows input;           // [rows, columns]
};

template <bool PACKED> DEVICE void scale_rows(const ScaleColumnsArguments& arguments)
{
    const RowTile tile(arguments.lanes_log2);
    if (tile.row >= arguments.rows) return;
    const uint32_t width = (uint32_t)arguments.columns;
    const float* input = arguments.input[tile.row];
    const float* residual = arguments.residual.data == nullptr ? nullptr : arguments.residual[tile.row];
    float* output = arguments.output[tile.row];
    for (uint32_t column = tile.column; column < width; column += tile.step)
    {
        Quad x = load_quad<PACKED>(input, column, width);
        const Quad scale = load_quad<PACKED>(arguments.scale, column, width);
        if (residual == nullptr)
        {
#pragma unroll
            for (int k = 0; k < 4; k++) x.at[k] *= scale.at[k];
        }
        else
        {
            const Quad old = load_quad<PACKED>(residual, column, width);
#pragma unroll
            for (int k = 0; k < 4; k++) x.at[k] = fused(x.at[k], scale.at[k], old.at[k]);
        }

        store_quad<PACKED>(output, column, width, x);
    }
}

KERNEL(scale_columns, ROW_THREADS, ScaleColumnsArguments)
{
    const int32_t columns = arguments.columns;
    if (arguments.output.packed(columns) && arguments.input.packed(columns) && arguments.residual.packed(columns) && is_packed(arguments.scale))
        scale_rows<true>(arguments);
    else
        scale_rows<false>(arguments);
}

// outputGradient * input.
template <bool PACKED> struct ScaleColumnsTerm
{
    struct Loaded
    {
        Quad dy, x;
    };

    Rows output_gradient, input;
    uint32_t width;

    DEVICE Loaded load(int64_t row, uint32_t column) const
    {
        return { load_quad<PACKED>(output_gradient[row], column, width), load_quad<PACKED>(input[row], column, width) };
    }

    DEVICE void add(Quad (&sums)[1], const Loaded& loaded) const
    {
#pragma unroll
        for (int k = 0; k < 4; k++) sums[0].at[k] = fused(loaded.dy.at[k], loaded.x.at[k], sums[0].at[k]);
    }
};

template <bool PACKED> DEVICE void sum_scale_columns(const ScaleColumnsSumsArguments& a)
{
    const ScaleColumnsTerm<PACKED> term = { a.output_gradient, a.input, (uint32_t)a.sections.columns };
    sum_section<1>(a.sections, term);
}

KERNEL(scale_columns_sums, COLUMN_THREADS, ScaleColumnsSumsArguments)
{
    const int32_t columns = arguments.sections.columns;
    if (arguments.output_gradient.packed(columns) && arguments.input.packed(columns)) sum_scale_columns<true>(arguments);
    else sum_scale_columns<false>(arguments);
}
