// output = softmax(Q K^T / sqrt(size) + mask) V in exact float32, on CUDA cores.
//
// A block owns 8R queries of one head and walks over the keys in tiles of 16C with a running maximum m and sum l of each row
// (online softmax): when a tile raises m, what is there already is scaled by exp(old m - m). Grid = batch * heads * ceil(tokens / 8R).
//
//   kernel   R  C   tile of queries x keys   shared memory   live registers   blocks of an SM with 164 KB (sm_80) / 228 KB (sm_90)
//   ..._32   8  2          64 x 32              27.1 KB          125            4 / 4
//   ..._64   8  2          64 x 32              43.1 KB          141            3 / 3
//   ..._128  8  2          64 x 32              75.1 KB          173            2 / 2
//   ..._256  4  1          32 x 16              67.6 KB          145            2 / 3
//
// (Registers: the most that are alive at once in clang's PTX, which spills none.) 4 * tokens^2 * size FLOPs a head (half of that where causal) and about
// 25 instructions a score for the softmax. A step of 4 columns costs 12 wavefronts of shared memory for 64 warp-wide multiply-adds (16 cycles), so
// multiply-adds are the limit: expect 60 to 70 % of the float32 peak for heads of 64. Device memory: 16 bytes an element of Q, K, V, O together; keys
// and values are read again for every 64 queries, out of the L2 cache.
#pragma once

#include "attention_products_float32.cuh"

namespace attention {

template <int R, int C, int WIDTH>
DEVICE void forward_float32(const AttentionForwardArguments& arguments, float* shared)
{
    constexpr int QUERIES = 8 * R, KEYS = 16 * C, COLUMNS = WIDTH / 16;
    float* const queries = shared;
    float* const keys = queries + QUERIES * tile_stride<WIDTH>();
    float* const values = keys + KEYS * tile_stride<WIDTH>();
    float* const weights = values + KEYS * tile_stride<WIDTH>();
    int32_t* const seen = reinterpret_cast<int32_t*>(weights + QUERIES * tile_stride<KEYS>());

    const int tokens = arguments.tokens, size = arguments.size;
    const Block block = Block::of(tokens, arguments.heads, QUERIES);
    const bool packets = arguments.packets != 0;
    load_tile<QUERIES, WIDTH>(
        queries, block.at(arguments.query, arguments.query_stride, block.first, size), arguments.query_stride, tokens - block.first, size, packets);

    float largest[R], sums[R], o[R][COLUMNS];
#pragma unroll
    for (int i = 0; i < R; i++)
    {
        largest[i] = -infinity();
        sums[i] = 0;
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) o[i][j] = 0;
    }

    const int end = arguments.causal && block.first + QUERIES < tokens ? block.first + QUERIES : tokens;
    for (int first_key = 0; first_key < end; first_key += KEYS)
    {
        const int own_key = first_key + (int)threadIdx.x;
        const bool own_seen = (int)threadIdx.x < KEYS && key_is_seen(arguments.key_mask, block, own_key, tokens);
        if (!any_thread(own_seen)) continue; // padding only; also the barrier before the tiles are overwritten
        if ((int)threadIdx.x < KEYS) seen[threadIdx.x] = own_seen;
        load_tile<KEYS, WIDTH>(
            keys, block.at(arguments.key, arguments.key_stride, first_key, size), arguments.key_stride, tokens - first_key, size, packets);
        load_tile<KEYS, WIDTH>(
            values, block.at(arguments.value, arguments.value_stride, first_key, size), arguments.value_stride, tokens - first_key, size, packets);
        sync_threads();

        float s[R][C];
        row_dots<R, C, WIDTH>(s, queries, keys, size);
        if (may_hide(arguments, first_key, KEYS)) hide_keys<R, C>(s, seen);
        if (crosses_diagonal(arguments, block.first, first_key, KEYS)) hide_beside_diagonal<1, R, C>(s, first_key - block.first);
#pragma unroll
        for (int i = 0; i < R; i++)
        {
            float top = largest[i]; // a NaN passes by here and reaches the results through the exponentials
#pragma unroll
            for (int j = 0; j < C; j++) top = maximum(top, s[i][j] *= arguments.scale);
#pragma unroll
            for (unsigned mask = 8; mask > 0; mask /= 2) top = maximum(top, shuffle_xor(top, mask));
            const float base = top == -infinity() ? 0.0f : top, correction = exponential(largest[i] - base);
            largest[i] = top;
            sums[i] *= correction;
#pragma unroll
            for (int j = 0; j < C; j++) sums[i] += s[i][j] = exponential(s[i][j] - base);
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) o[i][j] *= correction;
        }

        keep_weights<R, C>(weights, s);
        sync_warp();
        add_product<R, COLUMNS, KEYS, WIDTH>(o, weights, values, size);
    }

#pragma unroll
    for (int i = 0; i < R; i++)
    {
#pragma unroll
        for (unsigned mask = 8; mask > 0; mask /= 2) sums[i] += shuffle_xor(sums[i], mask);
        const float inverse = sums[i] == 0 ? 0.0f : divide(1.0f, sums[i]); // 0: every key is hidden
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) o[i][j] *= inverse;
        const int query = block.first + vertical_place() + 8 * i;
        if (arguments.log_sum_exp != nullptr && horizontal_place() == 0 && query < tokens)
            arguments.log_sum_exp[block.scores + query] = sums[i] == 0 ? -infinity() : largest[i] + logarithm(sums[i]);
    }

    store_rows<R, COLUMNS>(
        block.at(arguments.output, arguments.output_stride, block.first, size), arguments.output_stride, o, tokens - block.first, size, 1.0f);
}

} // namespace attention

// The kernel of one width; native/parts says which there are.
#define ATTENTION_FORWARD_FLOAT32(WIDTH, R, C) \
    KERNEL(attention_forward_float32_##WIDTH, ATTENTION_THREADS, AttentionForwardArguments) \
    { \
        DYNAMIC_SHARED(float, shared); \
        attention::forward_float32<R, C, WIDTH>(arguments, shared); \
    }
