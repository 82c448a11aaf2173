// output <- source, or output += source, between matrices of any strides: one token of every sample, a column range.
// Launch: RowTile. Bytes: 8 an element, 12 when adding; nothing but loads and stores.
#pragma once
#include "rows.cuh"

struct CopyMatrixArguments
{
    Rows output; // [rows, columns]
    Rows source; // [rows, columns]
    int32_t rows, columns;
    int32_t accumulate;
    int32_t lanes_log2;
};

template <bool PACKED> DEVICE void copy_rows(const CopyMatrixArguments& arguments)
{
    const RowTile tile(arguments.lanes_log2);
    if (tile.row >= arguments.rows) return;
    const uint32_t width = (uint32_t)arguments.columns;
    const float* source = arguments.source[tile.row];
    float* output = arguments.output[tile.row];
    for (uint32_t column = tile.column; column < width; column += tile.step)
    {
        const Quad x = load_quad<PACKED>(source, column, width);
        if (arguments.accumulate != 0) add_quad<PACKED>(output, column, width, x);
        else store_quad<PACKED>(output, column, width, x);
    }
}

KERNEL(copy_matrix, ROW_THREADS, CopyMatrixArguments)
{
    if (arguments.output.packed(arguments.columns) && arguments.source.packed(arguments.columns)) copy_rows<true>(arguments);
    else copy_rows<false>(arguments);
}
