// Sums over the rows of a batch that become gradients of vectors: norms, scales, biases; as they are, or as absolute values of each sample's sum.
// Rows are cut into sections by their number alone, never by the card: a section is up to 64 rows of one unit, and a unit is a sample in the
// per-sample mode and just a section in the other. A block sums one section over 128 columns into `partials`
// [sections, sums, stride]; column_sums_finish adds a unit's sections, takes the absolute value where asked, and adds the units in float64.
// Launch: sections in x, tiles of 128 columns in y (they stride, so y may be cut off at the grid's limit); then 32 columns in x, the sums in y.
// Bytes: what a section's terms read, once, plus 8 / 64 a row for the partials. The terms are a few multiply-adds for 8 bytes: bound by memory.
#pragma once
#include "rows.cuh"

struct ColumnSections
{
    float* partials;      // [units * chunks, sums, stride]
    int64_t stride;       // a multiple of 4, at least columns
    int32_t rows;
    int32_t columns;
    int32_t unit_rows;    // rows of a unit; the last may be shorter
    int32_t chunks;       // sections of a unit
    int32_t chunk_rows;   // rows of a section; the last of a unit may be shorter
    int32_t unused;
};

// Term::load(row, column) reads what one row has for four columns, Term::add(sums, loaded) adds it to SUMS sums.
template <int SUMS, class Term> DEVICE void sum_section(const ColumnSections& s, const Term& term)
{
    const int32_t unit = (int32_t)blockIdx.x / s.chunks, chunk = (int32_t)blockIdx.x - unit * s.chunks;
    const int64_t unit_first = (int64_t)unit * s.unit_rows, unit_end = unit_first + s.unit_rows < s.rows ? unit_first + s.unit_rows : s.rows;
    const int64_t first = unit_first + (int64_t)chunk * s.chunk_rows, end = first + s.chunk_rows < unit_end ? first + s.chunk_rows : unit_end;
    const uint32_t width = (uint32_t)s.columns;
    for (uint32_t tile = blockIdx.y; tile * COLUMN_TILE < width; tile += gridDim.y)
    {
        const uint32_t column = tile * COLUMN_TILE + lane_id() * 4;
        Quad sums[SUMS] = {};
        if (column < width)
        {
            int64_t row = first + warp_id();
            for (; row + 3 * COLUMN_WARPS < end; row += 4 * COLUMN_WARPS)
            {
                // All loads are under way before one is waited for.
                const typename Term::Loaded loaded[4] = { term.load(row, column), term.load(row + COLUMN_WARPS, column),
                                                          term.load(row + 2 * COLUMN_WARPS, column), term.load(row + 3 * COLUMN_WARPS, column) };
#pragma unroll
                for (int i = 0; i < 4; i++) term.add(sums, loaded[i]);
            }

            for (; row < end; row += COLUMN_WARPS) term.add(sums, term.load(row, column));
        }

#pragma unroll
        for (int sum = 0; sum < SUMS; sum++)
        {
            const Quad total = sum_over_warps(sums[sum]);
            if (warp_id() == 0 && column < width)
                store_quad<true>(s.partials + ((int64_t)blockIdx.x * SUMS + sum) * s.stride, column, (uint32_t)s.stride, total);
        }
    }
}
