// Rows of matrices in packets of four columns. Where every row starts at a multiple of 16 bytes and has a multiple of four columns a packet is one
// 16-byte access (PACKED); elsewhere it is up to four single ones. A kernel asks once and then runs one of two instances of its body, so that nothing
// stands between its loads. Which thread owns which column is the same in both, so results do not depend on alignment.
#pragma once
#include "math.cuh"

// A matrix, or nothing: `stride` elements lie between the starts of two rows. Two 8-byte fields, as in C#.
struct Rows
{
    float* data;
    int64_t stride;

    DEVICE float* operator[](int64_t row) const { return data + row * stride; }

    // Whether rows of that many columns can be read in packets; nothing can.
    DEVICE bool packed(int32_t columns) const { return ((uintptr_t)data & 15u) == 0 && ((stride | columns) & 3) == 0; }
};

DEVICE bool is_packed(const float* p) { return ((uintptr_t)p & 15u) == 0; }

// Four columns of a row.
struct Quad
{
    float at[4];
};

DEVICE Quad magnitude(Quad quad)
{
#pragma unroll
    for (int k = 0; k < 4; k++) quad.at[k] = magnitude(quad.at[k]);
    return quad;
}

// Columns [column, column + 4) of a row of `width` columns; 0 behind its end. `column` is a multiple of 4.
template <bool PACKED> DEVICE Quad load_quad(const float* row, uint32_t column, uint32_t width)
{
    Quad quad = {};
    if (PACKED)
    {
        if (column >= width) return quad;
        const Vector4 v = load4(row + column);
        quad.at[0] = v.x;
        quad.at[1] = v.y;
        quad.at[2] = v.z;
        quad.at[3] = v.w;
        return quad;
    }

#pragma unroll
    for (uint32_t k = 0; k < 4; k++)
    {
        if (column + k < width) quad.at[k] = row[column + k];
    }

    return quad;
}

// Writes the columns that the row has.
template <bool PACKED> DEVICE void store_quad(float* row, uint32_t column, uint32_t width, const Quad& quad)
{
    if (PACKED)
    {
        if (column < width) store4(row + column, { quad.at[0], quad.at[1], quad.at[2], quad.at[3] });
        return;
    }

#pragma unroll
    for (uint32_t k = 0; k < 4; k++)
    {
        if (column + k < width) row[column + k] = quad.at[k];
    }
}

// target += term, for the columns of one packet.
template <bool PACKED> DEVICE void add_quad(float* target, uint32_t column, uint32_t width, const Quad& term)
{
    Quad old = load_quad<PACKED>(target, column, width);
#pragma unroll
    for (int k = 0; k < 4; k++) old.at[k] += term.at[k];
    store_quad<PACKED>(target, column, width, old);
}

// Row-wise kernels without reductions: blocks of ROW_THREADS threads, 2^lanes_log2 neighbouring threads to a row; gridDim.y blocks share the
// columns of a row, so that few long rows fill a card as well as many short ones.
constexpr int ROW_THREADS = 256;

struct RowTile
{
    int64_t row;
    uint32_t column; // the first of the thread's packets
    uint32_t step;   // columns from one of them to the next

    DEVICE explicit RowTile(int32_t lanes_log2)
        : row(((int64_t)blockIdx.x << (8 - lanes_log2)) + (threadIdx.x >> lanes_log2)),
          column(((blockIdx.y << lanes_log2) + (threadIdx.x & ((1u << lanes_log2) - 1u))) * 4u),
          step((gridDim.y << lanes_log2) * 4u)
    {
    }
};
static_assert(ROW_THREADS == 1 << 8, "RowTile counts on it");

// Kernels that sum over rows: a block of 8 warps owns 128 columns, a lane 4 of them; each warp takes every eighth row and the warps' sums are
// added in order. Gives the sum to the first warp's lanes, 0 to others. Two barriers; may be called again at once.
constexpr int COLUMN_WARPS = 8;
constexpr int COLUMN_THREADS = 32 * COLUMN_WARPS;
constexpr uint32_t COLUMN_TILE = 128;

DEVICE Quad sum_over_warps(const Quad& own)
{
    SHARED(float, sums, COLUMN_WARPS * COLUMN_TILE);
    sync_threads(); // Those who still read the sums of the call before.
    store4(sums + warp_id() * COLUMN_TILE + lane_id() * 4, { own.at[0], own.at[1], own.at[2], own.at[3] });
    sync_threads();
    Quad total = {};
    if (warp_id() != 0) return total;
#pragma unroll
    for (uint32_t warp = 0; warp < COLUMN_WARPS; warp++)
    {
        const Vector4 v = load4(sums + warp * COLUMN_TILE + lane_id() * 4);
        total.at[0] += v.x;
        total.at[1] += v.y;
        total.at[2] += v.z;
        total.at[3] += v.w;
    }

    return total;
}

// A sum of many float32 terms in runs of sixteen, so that no chain of additions gets long.
struct RunningQuad
{
    Quad run = {}, total = {};
    uint32_t count = 0;

    DEVICE void add(const Quad& term)
    {
#pragma unroll
        for (int k = 0; k < 4; k++) run.at[k] += term.at[k];
        if ((++count & 15u) == 0) end_run();
    }

    DEVICE Quad sum()
    {
        end_run();
        return total;
    }

    DEVICE void end_run()
    {
#pragma unroll
        for (int k = 0; k < 4; k++)
        {
            total.at[k] += run.at[k];
            run.at[k] = 0.0f;
        }
    }
};
