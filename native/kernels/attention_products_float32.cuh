// The two products of attention in float32, on CUDA cores: every kernel of attention is made of them.
//
// The 128 threads of a block form a grid of 8 x 16 (thread = 16 * vertical + horizontal; a warp holds two vertical places).
// A thread owns the rows vertical + 8i of what the block computes, and the columns horizontal + 16j. So the two halves of a warp
// read one row each (a broadcast) of the left operand, and 16 rows or 16 neighbouring floats of the right one: no bank conflicts.
#pragma once

#include "attention_tiles.cuh"

namespace attention {

DEVICE int vertical_place() { return (int)(threadIdx.x / 16); }
DEVICE int horizontal_place() { return (int)(threadIdx.x % 16); }

// s[i][j] = <left row vertical + 8i, right row horizontal + 16j> over the first `size` columns (whole fours: tiles are 0 behind).
// For a step of 4 columns: (R + C) 16-byte loads for 4 * R * C multiply-adds.
template <int R, int C, int WIDTH>
DEVICE void row_dots(float (&s)[R][C], const float* left, const float* right, int size)
{
    left += vertical_place() * tile_stride<WIDTH>();
    right += horizontal_place() * tile_stride<WIDTH>();
#pragma unroll
    for (int i = 0; i < R; i++)
    {
#pragma unroll
        for (int j = 0; j < C; j++) s[i][j] = 0;
    }

    for (int d = 0; d < size; d += 4)
    {
        Vector4 b[C];
#pragma unroll
        for (int j = 0; j < C; j++) b[j] = load4(right + 16 * j * tile_stride<WIDTH>() + d);
#pragma unroll
        for (int i = 0; i < R; i++)
        {
            const Vector4 a = load4(left + 8 * i * tile_stride<WIDTH>() + d);
#pragma unroll
            for (int j = 0; j < C; j++)
                s[i][j] = fused(a.w, b[j].w, fused(a.z, b[j].z, fused(a.y, b[j].y, fused(a.x, b[j].x, s[i][j]))));
        }
    }
}

// o[i][j] += sum over k < DEPTH of weights[vertical + 8i, k] * right[k, horizontal + 16j]; columns from `size` on are left out.
// `weights` has rows of DEPTH + 4 floats. For a step of 4 rows and 16 columns: R 16-byte loads (kept for all columns), 4 loads, 4R multiply-adds.
template <int R, int N, int DEPTH, int WIDTH>
DEVICE void add_product(float (&o)[R][N], const float* weights, const float* right, int size)
{
    weights += vertical_place() * tile_stride<DEPTH>();
    right += horizontal_place();
    for (int k = 0; k < DEPTH; k += 4)
    {
        Vector4 a[R];
#pragma unroll
        for (int i = 0; i < R; i++) a[i] = load4(weights + 8 * i * tile_stride<DEPTH>() + k);
#pragma unroll
        for (int j = 0; j < N; j++)
        {
            if (16 * j < size) // the same for all threads: a head of 80 columns in a tile of 128 costs 80
            {
                const float* const b = right + k * tile_stride<WIDTH>() + 16 * j;
                const float b0 = b[0], b1 = b[tile_stride<WIDTH>()], b2 = b[2 * tile_stride<WIDTH>()], b3 = b[3 * tile_stride<WIDTH>()];
#pragma unroll
                for (int i = 0; i < R; i++) o[i][j] = fused(a[i].w, b3, fused(a[i].z, b2, fused(a[i].y, b1, fused(a[i].x, b0, o[i][j]))));
            }
        }
    }
}

// Scores of queries (rows) and keys (columns) become -infinity where a key is not seen.
template <int R, int C>
DEVICE void hide_keys(float (&s)[R][C], const int32_t* seen)
{
#pragma unroll
    for (int j = 0; j < C; j++)
    {
        if (seen[horizontal_place() + 16 * j]) continue;
#pragma unroll
        for (int i = 0; i < R; i++) s[i][j] = -infinity();
    }
}

// The same where the position of the column less that of the row, `offset` in the tile's corner, has the given sign (1 or -1).
template <int SIGN, int R, int C>
DEVICE void hide_beside_diagonal(float (&s)[R][C], int offset)
{
#pragma unroll
    for (int i = 0; i < R; i++)
    {
#pragma unroll
        for (int j = 0; j < C; j++)
        {
            const int difference = offset + horizontal_place() + 16 * j - vertical_place() - 8 * i;
            if (SIGN * difference > 0) s[i][j] = -infinity();
        }
    }
}

// Puts a tile of weights where add_product reads it. A half warp writes and reads the same rows: sync_warp is enough between the two.
template <int R, int C>
DEVICE void keep_weights(float* weights, const float (&p)[R][C])
{
    weights += vertical_place() * tile_stride<16 * C>() + horizontal_place();
#pragma unroll
    for (int i = 0; i < R; i++)
    {
#pragma unroll
        for (int j = 0; j < C; j++) weights[8 * i * tile_stride<16 * C>() + 16 * j] = p[i][j];
    }
}

// matrix[vertical + 8i, horizontal + 16j] = o[i][j] * factor, for the rows and columns that exist.
template <int R, int N>
DEVICE void store_rows(float* matrix, int stride, const float (&o)[R][N], int rows, int size, float factor)
{
#pragma unroll
    for (int i = 0; i < R; i++)
    {
        const int row = vertical_place() + 8 * i;
        if (row >= rows) continue;
#pragma unroll
        for (int j = 0; j < N; j++)
        {
            const int column = horizontal_place() + 16 * j;
            if (column < size) matrix[(int64_t)row * stride + column] = o[i][j] * factor;
        }
    }
}

} // namespace attention
