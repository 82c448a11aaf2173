// Tiles of float32 rows in shared memory. A tile of WIDTH columns has rows of WIDTH + 4 floats: then the addresses that a warp
// reads together (8 rows at 4 neighbouring columns, or 16-byte pieces of 8 rows) lie in different banks.
#pragma once

#include "attention.cuh"

namespace attention {

template <int WIDTH> DEVICE constexpr int tile_stride() { return WIDTH + 4; }

// Copies `rows` rows of `size` floats into a tile of ROWS rows and WIDTH columns; what lies outside becomes 0. All threads of the
// block take part. Four independent 16-byte loads of a thread are in flight where addresses allow it (packets); the seldom other way is kept short.
template <int ROWS, int WIDTH>
DEVICE void load_tile(float* tile, const float* source, int stride, int rows, int size, bool packets)
{
    const int thread = (int)recomputed(threadIdx.x);
    if (packets)
    {
        constexpr int ACROSS = WIDTH / 4;
        static_assert(ROWS * ACROSS % ATTENTION_THREADS == 0, "every thread takes part in every round");
#pragma unroll 4
        for (int round = 0; round < ROWS * ACROSS / ATTENTION_THREADS; round++)
        {
            const int i = round * ATTENTION_THREADS + thread, row = i / ACROSS, column = i % ACROSS * 4;
            Vector4 v = { 0, 0, 0, 0 };
            if (row < rows && column < size) v = load4(source + (int64_t)row * stride + column);
            store4(tile + row * tile_stride<WIDTH>() + column, v);
        }
    }
    else
    {
#pragma unroll 1
        for (int round = 0; round < ROWS * WIDTH / ATTENTION_THREADS; round++)
        {
            const int i = round * ATTENTION_THREADS + thread, row = i / WIDTH, column = i % WIDTH;
            const float x = row < rows && column < size ? source[(int64_t)row * stride + column] : 0.0f;
            tile[row * tile_stride<WIDTH>() + column] = x;
        }
    }
}

} // namespace attention
