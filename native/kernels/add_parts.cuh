// target += parts[0] + parts[1] + ..., in that order: the second pass of a sum whose first pass left one total a part.
//
//   parts [count][rows][columns], target [rows, columns], with row strides. Launch: RowTile.
//   Bytes: 4 * (count + 2) an element.
#pragma once
#include "rows.cuh"

struct AddPartsArguments
{
    Rows target;
    Rows parts;          // the first of them
    int64_t part_stride; // elements from one part to the next
    int32_t rows, columns;
    int32_t count;       // parts, at least one
    int32_t lanes_log2;
};

template <bool PACKED> DEVICE void add_parts_to(const AddPartsArguments& a)
{
    const RowTile tile(a.lanes_log2);
    if (tile.row >= a.rows) return;
    const uint32_t width = (uint32_t)a.columns;
    for (uint32_t column = tile.column; column < width; column += tile.step)
    {
        const float* part = a.parts[tile.row];
        Quad sum = load_quad<PACKED>(part, column, width);
        for (int i = 1; i < a.count; i++)
        {
            part += a.part_stride;
            const Quad next = load_quad<PACKED>(part, column, width);
#pragma unroll
            for (int k = 0; k < 4; k++) sum.at[k] += next.at[k];
        }

        add_quad<PACKED>(a.target[tile.row], column, width, sum);
    }
}

// Parts lie at multiples of 16 bytes with the first of them.
KERNEL(add_parts, ROW_THREADS, AddPartsArguments)
{
    if (arguments.target.packed(arguments.columns) && arguments.parts.packed(arguments.columns)) add_parts_to<true>(arguments);
    else add_parts_to<false>(arguments);
}
