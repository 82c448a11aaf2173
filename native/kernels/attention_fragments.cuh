// How attention feeds the tensor cores: tiles of rounded numbers in shared memory and the fragments that a lane takes from them. Two formats
// with one interface, so that the kernels are written once.
//
// A warp computes 16 rows. With g = lane / 4 and t = lane % 4, a lane holds of a 16 x 8 tile of sums the elements (g, 2t), (g, 2t + 1),
// (g + 8, 2t), (g + 8, 2t + 1). Two products are needed, and each format has a tile layout for the right operand of either:
//
//   rows     B[column][depth]:  scores = Q K^T, dP = dO V^T       (depth runs along the head's columns)
//   columns  B[depth][column]:  O = P V, dQ = dS K, dK, dV        (depth runs along tokens)
//
// In the second product the left operand is a tile of sums of the first. Its elements go from accumulators into fragments as they lie: the
// order of the depth is free as long as both operands agree. In TF32 depth index t stands for token 2t and t + 4 for token 2t + 1; in
// bfloat16 a register holds tokens 2t and 2t + 1 anyway.
//
// Bank conflicts: a lane reads word g * pitch + t of a tile of rows, pitch = 4 mod 32: 32 different banks (narrow bfloat16 heads have a pitch of
// 20: different too). Of a tile of columns it reads in TF32 word 2t * pitch + g with the same pitch (8t + g: all different), so one tile
// serves both products; in bfloat16 word t * pitch + g of pairs of tokens, pitch = 8 mod 32. So bfloat16 keeps an operand that is
// used both ways twice, in hardly more memory than TF32 does once.
#pragma once

#include "attention_tiles.cuh"

namespace attention {

struct Tf32
{
    static constexpr int DEPTH = 8;              // of one instruction
    static constexpr bool ONE_LAYOUT = true;     // a tile of rows is one of columns too

    template <int WIDTH> DEVICE static constexpr int row_pitch() { return WIDTH + 4; }
    template <int WIDTH> DEVICE static constexpr int row_words(int rows) { return rows * row_pitch<WIDTH>(); }
    template <int WIDTH> DEVICE static constexpr int column_words(int rows) { return rows * row_pitch<WIDTH>(); }

    DEVICE static void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_tf32_16x8x8(d, a, b); }

    // Left operand: rows [first, first + 16) of a tile of rows, columns [8 step, 8 step + 8).
    template <int WIDTH> DEVICE static void left(uint32_t (&a)[4], const uint32_t* tile, int first, int step)
    {
        const uint32_t* const p = tile + (first + (int)lane_id() / 4) * row_pitch<WIDTH>() + 8 * step + (int)lane_id() % 4;
        a[0] = p[0];
        a[1] = p[8 * row_pitch<WIDTH>()];
        a[2] = p[4];
        a[3] = p[8 * row_pitch<WIDTH>() + 4];
    }

    // Left operand: eight of a warp's columns of sums.
    template <int N> DEVICE static void left(uint32_t (&a)[4], const float (&sums)[N][4], int step)
    {
        a[0] = to_tf32(sums[step][0]);
        a[1] = to_tf32(sums[step][2]);
        a[2] = to_tf32(sums[step][1]);
        a[3] = to_tf32(sums[step][3]);
    }

    // Right operand: columns of the product are rows [first, first + 8) of a tile of rows.
    template <int WIDTH> DEVICE static void right_rows(uint32_t (&b)[2], const uint32_t* tile, int first, int step)
    {
        const uint32_t* const p = tile + (first + (int)lane_id() / 4) * row_pitch<WIDTH>() + 8 * step + (int)lane_id() % 4;
        b[0] = p[0];
        b[1] = p[4];
    }

    // Right operand: tokens [8 step, 8 step + 8), columns [column, column + 8).
    template <int WIDTH> DEVICE static void right_columns(uint32_t (&b)[2], const uint32_t* tile, int step, int column)
    {
        const uint32_t* const p = tile + (8 * step + (int)lane_id() % 4 * 2) * row_pitch<WIDTH>() + column + (int)lane_id() / 4;
        b[0] = p[0];
        b[1] = p[row_pitch<WIDTH>()];
    }

    // Four neighbouring columns of one row, and of two neighbouring rows for a tile of columns.
    template <int WIDTH> DEVICE static void put_rows(uint32_t* tile, int row, int column, Vector4 v)
    {
        store16(tile + row * row_pitch<WIDTH>() + column, { to_tf32(v.x), to_tf32(v.y), to_tf32(v.z), to_tf32(v.w) });
    }

    template <int WIDTH> DEVICE static void put_columns(uint32_t* tile, int row, int column, Vector4 even, Vector4 odd)
    {
        put_rows<WIDTH>(tile, row, column, even);
        put_rows<WIDTH>(tile, row + 1, column, odd);
    }
};

struct Bf16
{
    static constexpr int DEPTH = 16;
    static constexpr bool ONE_LAYOUT = false;

    template <int WIDTH> DEVICE static constexpr int row_pitch() { return WIDTH / 2 + 4; }
    template <int WIDTH> DEVICE static constexpr int column_pitch() { return WIDTH + 8; }
    template <int WIDTH> DEVICE static constexpr int row_words(int rows) { return rows * row_pitch<WIDTH>(); }
    template <int WIDTH> DEVICE static constexpr int column_words(int rows) { return rows / 2 * column_pitch<WIDTH>(); }

    DEVICE static void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_bf16_16x8x16(d, a, b); }

    template <int WIDTH> DEVICE static void left(uint32_t (&a)[4], const uint32_t* tile, int first, int step)
    {
        const uint32_t* const p = tile + (first + (int)lane_id() / 4) * row_pitch<WIDTH>() + 8 * step + (int)lane_id() % 4;
        a[0] = p[0];
        a[1] = p[8 * row_pitch<WIDTH>()];
        a[2] = p[4];
        a[3] = p[8 * row_pitch<WIDTH>() + 4];
    }

    template <int N> DEVICE static void left(uint32_t (&a)[4], const float (&sums)[N][4], int step)
    {
        a[0] = to_bf16_pair(sums[2 * step][0], sums[2 * step][1]);
        a[1] = to_bf16_pair(sums[2 * step][2], sums[2 * step][3]);
        a[2] = to_bf16_pair(sums[2 * step + 1][0], sums[2 * step + 1][1]);
        a[3] = to_bf16_pair(sums[2 * step + 1][2], sums[2 * step + 1][3]);
    }

    template <int WIDTH> DEVICE static void right_rows(uint32_t (&b)[2], const uint32_t* tile, int first, int step)
    {
        const uint32_t* const p = tile + (first + (int)lane_id() / 4) * row_pitch<WIDTH>() + 8 * step + (int)lane_id() % 4;
        b[0] = p[0];
        b[1] = p[4];
    }

    template <int WIDTH> DEVICE static void right_columns(uint32_t (&b)[2], const uint32_t* tile, int step, int column)
    {
        const uint32_t* const p = tile + (8 * step + (int)lane_id() % 4) * column_pitch<WIDTH>() + column + (int)lane_id() / 4;
        b[0] = p[0];
        b[1] = p[4 * column_pitch<WIDTH>()];
    }

    template <int WIDTH> DEVICE static void put_rows(uint32_t* tile, int row, int column, Vector4 v)
    {
        uint32_t* const p = tile + row * row_pitch<WIDTH>() + column / 2;
        p[0] = to_bf16_pair(v.x, v.y);
        p[1] = to_bf16_pair(v.z, v.w);
    }

    template <int WIDTH> DEVICE static void put_columns(uint32_t* tile, int row, int column, Vector4 even, Vector4 odd)
    {
        store16(
            tile + row / 2 * column_pitch<WIDTH>() + column,
            { to_bf16_pair(even.x, odd.x), to_bf16_pair(even.y, odd.y), to_bf16_pair(even.z, odd.z), to_bf16_pair(even.w, odd.w) });
    }
};

// Four floats of a row; 0 for what lies outside.
DEVICE Vector4 load_four(const float* row, int column, int size, bool exists, bool packets)
{
    Vector4 v = { 0, 0, 0, 0 };
    if (!exists || column >= size) return v;
    row += column;
    if (packets) return load4(row);
    v.x = row[0];
    if (column + 1 < size) v.y = row[1];
    if (column + 2 < size) v.z = row[2];
    if (column + 3 < size) v.w = row[3];
    return v;
}

// Rounds `rows` rows of `size` floats into a tile of rows (if BY_ROWS) and one of columns (if BY_COLUMNS) of ROWS x WIDTH; 0 outside. With one layout
// the tile of rows is the only one. A thread takes two neighbouring tokens at four columns. All threads of the block take part.
template <class Format, int ROWS, int WIDTH, bool BY_ROWS, bool BY_COLUMNS, bool PACKETS>
DEVICE void load_rounded(uint32_t* by_rows, uint32_t* by_columns, const float* source, int stride, int rows, int size)
{
    constexpr int ACROSS = WIDTH / 4;
    [[maybe_unused]] constexpr int AT_ONCE = PACKETS ? 4 : 1; // the seldom way is kept short
    static_assert(ROWS / 2 * ACROSS % ATTENTION_THREADS == 0, "every thread takes part in every round");
    const int thread = (int)recomputed(threadIdx.x);
#pragma unroll AT_ONCE
    for (int round = 0; round < ROWS / 2 * ACROSS / ATTENTION_THREADS; round++)
    {
        const int i = round * ATTENTION_THREADS + thread, row = i / ACROSS * 2, column = i % ACROSS * 4;
        const float* const p = source + (int64_t)row * stride;
        const Vector4 even = load_four(p, column, size, row < rows, PACKETS), odd = load_four(p + stride, column, size, row + 1 < rows, PACKETS);
        if (BY_ROWS)
        {
            Format::template put_rows<WIDTH>(by_rows, row, column, even);
            Format::template put_rows<WIDTH>(by_rows, row + 1, column, odd);
        }

        if (BY_COLUMNS && !(BY_ROWS && Format::ONE_LAYOUT)) Format::template put_columns<WIDTH>(by_columns, row, column, even, odd);
    }
}

template <class Format, int ROWS, int WIDTH, bool BY_ROWS, bool BY_COLUMNS>
DEVICE void load_rounded(uint32_t* by_rows, uint32_t* by_columns, const float* source, int stride, int rows, int size, bool packets)
{
    if (packets) load_rounded<Format, ROWS, WIDTH, BY_ROWS, BY_COLUMNS, true>(by_rows, by_columns, source, stride, rows, size);
    else load_rounded<Format, ROWS, WIDTH, BY_ROWS, BY_COLUMNS, false>(by_rows, by_columns, source, stride, rows, size);
}

// Products leave out columns from `size` on by the GROUP, where left operands do not occupy registers: the test is the same for all threads, and
// between two tests the loads of many instructions of the tensor cores are under way together. A head of 80 columns in a tile of 128 costs 96.
constexpr int GROUP = 32;

// sums[j] += <left fragment, right rows 8j to 8j + 7> over one instruction's depth.
template <class Format, int N, int WIDTH>
DEVICE void add_row_dots(float (&sums)[N][4], const uint32_t (&a)[4], const uint32_t* right, int step)
{
#pragma unroll
    for (int j = 0; j < N; j++)
    {
        uint32_t b[2];
        Format::template right_rows<WIDTH>(b, right, 8 * j, step);
        Format::multiply(sums[j], a, b);
    }
}

// sums[j] = <left rows, right rows 8j to 8j + 7> for a warp's 16 left rows, over the first `size` columns.
template <class Format, int N, int WIDTH>
DEVICE void row_dots(float (&sums)[N][4], const uint32_t* left, int first, const uint32_t* right, int size)
{
#pragma unroll
    for (int j = 0; j < N; j++) sums[j][0] = sums[j][1] = sums[j][2] = sums[j][3] = 0;
#pragma unroll 1
    for (int column = 0; column < size; column += GROUP)
    {
#pragma unroll
        for (int i = 0; i < GROUP / Format::DEPTH; i++)
        {
            const int step = column / Format::DEPTH + i;
            uint32_t a[4];
            Format::template left<WIDTH>(a, left, first, step);
            add_row_dots<Format, N, WIDTH>(sums, a, right, step);
        }
    }
}

// o[j] += weights * right columns 8j to 8j + 7, over the 8N tokens of the weights; columns from `size` on are left out.
template <class Format, int N, int WIDTH>
DEVICE void add_product(float (&o)[WIDTH / 8][4], const float (&weights)[N][4], const uint32_t* right, int size)
{
#pragma unroll
    for (int step = 0; step < 8 * N / Format::DEPTH; step++)
    {
        uint32_t a[4];
        Format::left(a, weights, step);
#pragma unroll
        for (int column = 0; column < WIDTH; column += GROUP)
        {
            if (column >= size) continue;
#pragma unroll
            for (int j = column / 8; j < (column + GROUP) / 8; j++)
            {
                uint32_t b[2];
                Format::template right_columns<WIDTH>(b, right, step, 8 * j);
                Format::multiply(o[j], a, b);
            }
        }
    }
}

// Softmax here works with powers of 2: exp(scale * score - m) = 2^(score * scale * log2 e - m'), of which the special function unit gives 22 bits in one
// instruction. Operands keep 8 or 11 of them, and the polynomial of float32 would take longer than the matrix products.
constexpr float LOG2_E = 1.44269504f, LN_2 = 0.693147181f;

// Scores of queries (rows) and keys (columns) become -infinity where a key is not seen.
template <int N>
DEVICE void hide_keys(float (&s)[N][4], const int32_t* seen)
{
#pragma unroll
    for (int j = 0; j < N; j++)
    {
#pragma unroll
        for (int e = 0; e < 2; e++)
        {
            if (!seen[8 * j + (int)lane_id() % 4 * 2 + e]) s[j][e] = s[j][e + 2] = -infinity();
        }
    }
}

// The same where the position of the column less that of the row, `offset` in the warp's corner, has the given sign (1 or -1).
template <int SIGN, int N>
DEVICE void hide_beside_diagonal(float (&s)[N][4], int offset)
{
#pragma unroll
    for (int j = 0; j < N; j++)
    {
#pragma unroll
        for (int e = 0; e < 4; e++)
        {
            const int difference = offset + 8 * j + (int)lane_id() % 4 * 2 + e % 2 - (int)lane_id() / 4 - e / 2 * 8;
            if (SIGN * difference > 0) s[j][e] = -infinity();
        }
    }
}

// Writes a warp's 16 rows of sums, rows g and g + 8 of a lane multiplied by its factors, by way of `staging` (16 rows of WIDTH + 4 floats of the
// warp's own), so that rows leave in whole sectors. The whole warp takes part.
template <int WIDTH>
DEVICE void store_rows(float* matrix, int stride, float* staging, const float (&o)[WIDTH / 8][4], float factor, float factor8, int rows, int size, bool packets)
{
    const int g = (int)lane_id() / 4, t = (int)lane_id() % 4;
    sync_warp();
#pragma unroll
    for (int j = 0; j < WIDTH / 8; j++)
    {
        float* const p = staging + g * tile_stride<WIDTH>() + 8 * j + 2 * t;
        p[0] = o[j][0] * factor;
        p[1] = o[j][1] * factor;
        p[8 * tile_stride<WIDTH>()] = o[j][2] * factor8;
        p[8 * tile_stride<WIDTH>() + 1] = o[j][3] * factor8;
    }

    sync_warp();
    rows = rows < 16 ? rows : 16;
    if (packets)
    {
        for (int i = (int)lane_id(); i < rows * (WIDTH / 4); i += 32)
        {
            const int row = i / (WIDTH / 4), column = i % (WIDTH / 4) * 4;
            if (column < size) store4(matrix + (int64_t)row * stride + column, load4(staging + row * tile_stride<WIDTH>() + column));
        }
    }
    else
    {
        for (int i = (int)lane_id(); i < rows * WIDTH; i += 32)
        {
            const int row = i / WIDTH, column = i % WIDTH;
            if (column < size) matrix[(int64_t)row * stride + column] = staging[row * tile_stride<WIDTH>() + column];
        }
    }
}

} // namespace attention
