// mask[i] = 1 where word (first_index + i) of a Philox stream is below fma(rank, step, first), rank being that of |values[i]| in its row: 0 for the
// smallest; of equal magnitudes the lowest index ranks highest.
// The rank is counted: every thread holds one element and compares it with all others of the row, which pass through shared memory in
// tiles of 1024, so a row needs no memory of its own whatever its length. Two instructions a comparison: rows of 4096 cost an H100 about
// 0.3 ns an element, as much as some forty bytes of memory traffic; longer rows cost in proportion.
// Grid: a block of 256 threads for each 256 elements of each row.
#pragma once
#include "philox.cuh"

struct RankedMaskArguments
{
    uint8_t* mask;
    const float* values;
    uint64_t first_index;
    uint64_t key;
    double first;
    double step;
    int32_t columns;
    int32_t row_blocks; // blocks of a row
};

constexpr int RANK_THREADS = 256, RANK_TILE = 1024;

KERNEL(ranked_mask, RANK_THREADS, RankedMaskArguments)
{
    SHARED(uint32_t, tile, RANK_TILE);
    const int columns = arguments.columns;
    const int64_t row = (int64_t)(blockIdx.x / (unsigned)arguments.row_blocks) * columns;
    const int column = (int)(blockIdx.x % (unsigned)arguments.row_blocks) * RANK_THREADS + (int)threadIdx.x;
    const bool here = column < columns;
    const float* const values = arguments.values + row;
    const uint32_t own = here ? float_bits(values[column]) & 0x7fffffffu : 0;
    int rank = 0;
    for (int start = 0; start < columns; start += RANK_TILE)
    {
        const int count = columns - start < RANK_TILE ? columns - start : RANK_TILE;
        sync_threads();
        for (int j = (int)threadIdx.x; j < count; j += RANK_THREADS) tile[j] = float_bits(values[start + j]) & 0x7fffffffu;
        sync_threads();
        // Up to the own place only smaller keys rank lower, behind it equal ones do too.
        const int until = column - start < 0 ? 0 : column - start < count ? column - start : count;
        for (int j = 0; j < until; j++) rank += tile[j] < own ? 1 : 0;
        for (int j = until; j < count; j++) rank += tile[j] <= own && start + j != column ? 1 : 0;
    }

    if (!here) return;
    const uint64_t index = arguments.first_index + (uint64_t)(row + column);
    const PhiloxWords words = philox(arguments.key, 0, index >> 2);
    const uint32_t which = (uint32_t)index & 3u;
    const uint32_t word = which == 0 ? words.at[0] : which == 1 ? words.at[1] : which == 2 ? words.at[2] : words.at[3];
    arguments.mask[row + column] = (double)word < fused((double)rank, arguments.step, arguments.first) ? 1 : 0;
}
