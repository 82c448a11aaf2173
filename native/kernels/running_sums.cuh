// Sums over vectors that come in chunks, in float64, to the bit those of the CPU device and of one pass (Operations/SumTree.cs): the tree of sums.cuh,
// with blocks of 16,384 elements counted from the vectors' first element, so that a block may begin in one chunk and end in a later one.
//
//   accumulate_products: all dot products of up to 64 vectors; a warp has two blocks and 4 by 4 vectors, so grid = tiles * ceil(blocks / 2), the
//       tiles of the same blocks one after the other. 4 bytes an element and vector from memory; the tiles of one block run at
//       about the same time and find the vectors in the second-level cache.
//   accumulate_products_with_last: the dot products of the last vector with each of the others; a warp has two blocks and 4 of the others, the warps of the
//       same blocks one after the other, which find the last vector in the second-level cache; grid = ceil(others / 4) * ceil(blocks / 2).
//   accumulate_terms: the sum of the elements or of their magnitudes, for each vector; grid = vectors * ceil(blocks / 2).
//   push_sums: enters the blocks' sums into the unfinished sums in order, one thread a sum: some thousand additions at most, microseconds.
//
// With 4 by 4 vectors a step loads 8 numbers of each of the warp's two blocks for 16 multiply-adds. A card with float64 units at half rate does 36
// products of 8 vectors (two operations each) in less time than it takes to read them; one at 1/64 rate does not.
#pragma once
#include "sums.cuh"

constexpr int RUNNING_VECTORS = 64;
constexpr int STATE_LENGTH = 64;       // SumTree.StateLength: 16 lanes, 48 levels
constexpr int PRODUCT_TILE = 4;        // vectors on each side of a warp's tile

struct RunningSumArguments
{
    const float* vectors[RUNNING_VECTORS];
    const double* state;  // [sums][STATE_LENGTH]: the lanes are read for a block that began before
    double* open;         // [sums][SUM_CHAINS]: lanes of the last block, if it is not full
    double* blocks;       // [block][sums]
    int64_t covered;      // elements from the start of block 0 on, those before this chunk included
    int64_t first;        // where block 0 starts in the vectors, at most 0 in the first launch of a chunk
    int32_t before;       // elements of block 0 that came before
    int32_t count;        // vectors
    int32_t sums;
    int32_t magnitudes;   // accumulate_terms: |x|
};

// A warp's two blocks: the half of the warp that this lane is in.
struct RunningBlock
{
    int64_t block;
    int64_t first;   // of the lane's own chain, in the vectors
    int from, to;    // elements of the block that are here
    unsigned chain;

    DEVICE RunningBlock(const RunningSumArguments& arguments, int64_t pair)
    {
        chain = lane_id() % SUM_CHAINS;
        block = pair * 2 + lane_id() / SUM_CHAINS;
        const int64_t left = arguments.covered - block * SUM_BLOCK;
        to = left >= SUM_BLOCK ? SUM_BLOCK : left > 0 ? (int)left : 0;
        from = block == 0 ? arguments.before : 0;
        first = arguments.first + block * SUM_BLOCK;
    }

    // The first element of this lane's chain.
    DEVICE int start() const { return (from + SUM_CHAINS - 1 - (int)chain) / SUM_CHAINS * SUM_CHAINS + (int)chain; }

    DEVICE double lane(const RunningSumArguments& arguments, int sum) const
    {
        return from > 0 ? arguments.state[(int64_t)sum * STATE_LENGTH + chain] : 0.0;
    }

    // Leaves a chain's sum where it belongs; the whole warp takes part, `kept` or not.
    DEVICE void put(const RunningSumArguments& arguments, int sum, double value, bool kept) const
    {
        if (kept && to > 0 && to < SUM_BLOCK) arguments.open[(int64_t)sum * SUM_CHAINS + chain] = value;
#pragma unroll
        for (unsigned half = SUM_CHAINS / 2; half > 0; half /= 2) value += shuffle_xor(value, half);
        if (kept && to == SUM_BLOCK && chain == 0) arguments.blocks[block * arguments.sums + sum] = value;
    }
};

KERNEL(accumulate_products, 32, RunningSumArguments)
{
    const int sides = (arguments.count + PRODUCT_TILE - 1) / PRODUCT_TILE, tiles = sides * (sides + 1) / 2;
    int tile = (int)(blockIdx.x % (unsigned)tiles), row = 0;
    while (tile > row) tile -= ++row;
    const RunningBlock here(arguments, blockIdx.x / (unsigned)tiles);
    const float* a[PRODUCT_TILE];
    const float* b[PRODUCT_TILE];
    double sums[PRODUCT_TILE][PRODUCT_TILE];
#pragma unroll
    for (int r = 0; r < PRODUCT_TILE; r++)
    {
        // A vector that does not exist is the last one again; its sums are not kept.
        const int i = row * PRODUCT_TILE + r, last = arguments.count - 1;
        a[r] = arguments.vectors[i < last ? i : last] + here.first;
        b[r] = arguments.vectors[tile * PRODUCT_TILE + r < last ? tile * PRODUCT_TILE + r : last] + here.first;
#pragma unroll
        for (int c = 0; c < PRODUCT_TILE; c++)
        {
            const int j = tile * PRODUCT_TILE + c;
            sums[r][c] = i <= last && j <= i ? here.lane(arguments, i * (i + 1) / 2 + j) : 0.0;
        }
    }

#pragma unroll 4
    for (int n = here.start(); n < here.to; n += SUM_CHAINS)
    {
        double x[PRODUCT_TILE], y[PRODUCT_TILE];
#pragma unroll
        for (int r = 0; r < PRODUCT_TILE; r++)
        {
            x[r] = a[r][n];
            y[r] = b[r][n];
        }

#pragma unroll
        for (int r = 0; r < PRODUCT_TILE; r++)
        {
#pragma unroll
            for (int c = 0; c < PRODUCT_TILE; c++) sums[r][c] += x[r] * y[c]; // The product is exact, fused or not.
        }
    }

#pragma unroll
    for (int r = 0; r < PRODUCT_TILE; r++)
    {
#pragma unroll
        for (int c = 0; c < PRODUCT_TILE; c++)
        {
            const int i = row * PRODUCT_TILE + r, j = tile * PRODUCT_TILE + c;
            here.put(arguments, i * (i + 1) / 2 + j, sums[r][c], i < arguments.count && j <= i);
        }
    }
}

KERNEL(accumulate_products_with_last, 32, RunningSumArguments)
{
    const int others = arguments.count - 1, tiles = (others + PRODUCT_TILE - 1) / PRODUCT_TILE, tile = (int)(blockIdx.x % (unsigned)tiles) * PRODUCT_TILE;
    const RunningBlock here(arguments, blockIdx.x / (unsigned)tiles);
    const float* a[PRODUCT_TILE];
    const float* b = arguments.vectors[others] + here.first;
    double sums[PRODUCT_TILE];
#pragma unroll
    for (int r = 0; r < PRODUCT_TILE; r++)
    {
        // A vector that does not exist is the last of the others again; its sum is not kept.
        const int i = tile + r < others ? tile + r : others - 1;
        a[r] = arguments.vectors[i] + here.first;
        sums[r] = here.lane(arguments, i);
    }

#pragma unroll 8
    for (int n = here.start(); n < here.to; n += SUM_CHAINS)
    {
        const double y = b[n];
#pragma unroll
        for (int r = 0; r < PRODUCT_TILE; r++) sums[r] += a[r][n] * y; // The product is exact, fused or not.
    }

#pragma unroll
    for (int r = 0; r < PRODUCT_TILE; r++) here.put(arguments, tile + r, sums[r], tile + r < others);
}

KERNEL(accumulate_terms, 32, RunningSumArguments)
{
    const int vector = (int)(blockIdx.x % (unsigned)arguments.count);
    const RunningBlock here(arguments, blockIdx.x / (unsigned)arguments.count);
    const float* a = arguments.vectors[vector] + here.first;
    const bool magnitudes = arguments.magnitudes != 0;
    double sum = here.lane(arguments, vector);
#pragma unroll 16
    for (int n = here.start(); n < here.to; n += SUM_CHAINS)
    {
        const double x = a[n];
        sum += magnitudes && x < 0 ? -x : x;
    }

    here.put(arguments, vector, sum, true);
}

struct PushSumArguments
{
    double* state;
    const double* open;
    const double* blocks;
    int64_t block;    // number of the first one in the whole vectors
    int64_t covered;
    int32_t sums;
    int32_t padding;
};

KERNEL(push_sums, 64, PushSumArguments)
{
    const int sum = (int)(blockIdx.x * 64 + threadIdx.x);
    if (sum >= arguments.sums) return;
    double* state = arguments.state + (int64_t)sum * STATE_LENGTH;
    const int64_t full = arguments.covered / SUM_BLOCK;
#pragma unroll 4
    for (int64_t b = 0; b < full; b++)
    {
        double value = arguments.blocks[b * arguments.sums + sum];
        double* level = state + SUM_CHAINS;
        for (int64_t bits = arguments.block + b; (bits & 1) != 0; bits >>= 1) value = *level++ + value;
        *level = value;
    }

    if (arguments.covered % SUM_BLOCK == 0) return;
    for (int c = 0; c < SUM_CHAINS; c++) state[c] = arguments.open[(int64_t)sum * SUM_CHAINS + c];
}
