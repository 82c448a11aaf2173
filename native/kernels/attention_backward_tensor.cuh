// Gradients of attention on the tensor cores: Q, K, V, dO, the probabilities and dS rounded to TF32 or bfloat16 as they become operands,
// everything else in float32. The scheme is that of attention_backward_float32.cuh: one kernel owns 64 keys a block (16 a warp) and walks
// over the queries with scores transposed, the other owns 64 queries and walks over the keys. Grid = batch * heads * ceil(tokens / 64).
//
//   dK, dV: keys and values stay in shared memory as left operands; a tile of queries and dO is used by rows (scores, dP) and by columns (dK, dV).
//   dQ:     queries and dO stay; a tile of keys is used by rows and by columns, values by rows.
//
//   kernel       tile    shared memory dK, dV / dQ    live registers dK, dV / dQ
//   ..._tf32_32    32        27.2 / 27.1 KB                 121 / 100
//   ..._tf32_64    32        51.2 / 51.1 KB                 153 / 116
//   ..._tf32_128   16        82.6 / 82.6 KB                 196 / 132
//   ..._bf16_32    32        20.2 / 17.6 KB                 117 / 101
//   ..._bf16_64    32        36.2 / 31.6 KB                 150 / 117
//   ..._bf16_128   32        68.2 / 59.6 KB                 213 / 149
//
// (Registers: the most that are alive at once in clang's PTX, which spills none.) 14 * tokens^2 * size FLOPs a head (10 are needed; the two kernels
// make scores and dP each). Per warp and 16 x 32 scores of a bfloat16 head of 64: 32 + 32 instructions of dK, dV and 32 + 16 of dQ, 2 to 2.5 fragment
// loads for each, 16 powers a lane. Shared memory is the limit: expect 30 to 40 % of the tensor peak on sm_80, less of it on sm_90, for
// 512 tokens. At 50 to 200 tokens device memory is: 16 bytes an element read (20 with outputDots) and 12 written.
#pragma once

#include "attention_fragments.cuh"

namespace attention {

template <class Format, int WIDTH, int QUERIES>
DEVICE void key_value_gradients_tensor(const AttentionBackwardArguments& arguments, uint32_t* shared)
{
    constexpr int KEYS = 64, ROW_WORDS = Format::template row_words<WIDTH>(QUERIES);
    constexpr int COLUMN_WORDS = Format::ONE_LAYOUT ? 0 : Format::template column_words<WIDTH>(QUERIES);
    uint32_t* const keys = shared;
    uint32_t* const values = keys + Format::template row_words<WIDTH>(KEYS);
    uint32_t* const queries = values + Format::template row_words<WIDTH>(KEYS);
    uint32_t* const gradients = queries + ROW_WORDS;
    uint32_t* const query_columns = Format::ONE_LAYOUT ? queries : gradients + ROW_WORDS;
    uint32_t* const gradient_columns = Format::ONE_LAYOUT ? gradients : query_columns + COLUMN_WORDS;
    float* const log_sums = reinterpret_cast<float*>(gradients + ROW_WORDS + 2 * COLUMN_WORDS);
    float* const dots = log_sums + QUERIES;

    const int tokens = arguments.tokens, size = arguments.size;
    const Block block = Block::of(tokens, arguments.heads, KEYS);
    const bool packets = arguments.packets != 0;
    const float scale2 = arguments.scale * LOG2_E;
    const int g = (int)lane_id() / 4, t = (int)lane_id() % 4, first = 16 * (int)warp_id();
    const bool active = block.first + first < tokens;
    load_rounded<Format, KEYS, WIDTH, true, false>(
        keys, nullptr, block.at(arguments.key, arguments.key_stride, block.first, size), arguments.key_stride, tokens - block.first, size, packets);
    load_rounded<Format, KEYS, WIDTH, true, false>(
        values, nullptr, block.at(arguments.value, arguments.value_stride, block.first, size), arguments.value_stride, tokens - block.first, size, packets);
    const bool seen[2] = {
        key_is_seen(arguments.key_mask, block, block.first + first + g, tokens), key_is_seen(arguments.key_mask, block, block.first + first + g + 8, tokens) };

    float dk[WIDTH / 8][4], dv[WIDTH / 8][4];
#pragma unroll
    for (int j = 0; j < WIDTH / 8; j++)
    {
#pragma unroll
        for (int e = 0; e < 4; e++) dk[j][e] = dv[j][e] = 0;
    }

    for (int first_query = arguments.causal ? block.first / QUERIES * QUERIES : 0; first_query < tokens; first_query += QUERIES)
    {
        sync_threads();
        load_rounded<Format, QUERIES, WIDTH, true, true>(
            queries, query_columns, block.at(arguments.query, arguments.query_stride, first_query, size), arguments.query_stride,
            tokens - first_query, size, packets);
        load_rounded<Format, QUERIES, WIDTH, true, true>(
            gradients, gradient_columns, block.at(arguments.output_gradient, arguments.output_gradient_stride, first_query, size),
            arguments.output_gradient_stride, tokens - first_query, size, packets);
        if ((int)threadIdx.x < QUERIES)
        {
            const int query = first_query + (int)threadIdx.x;
            log_sums[threadIdx.x] = query < tokens ? finite_or_above(arguments.log_sum_exp[block.scores + query]) * LOG2_E : infinity();
            dots[threadIdx.x] = query < tokens ? arguments.output_dots[block.scores + query] : 0.0f;
        }

        sync_threads();
        if (!active) continue;

        // Elements 0 and 1 are of key g, elements 2 and 3 of key g + 8; queries 2t and 2t + 1 of eight.
        float p[QUERIES / 8][4], ds[QUERIES / 8][4];
        row_dots<Format, QUERIES / 8, WIDTH>(p, keys, first, queries, size);
        if (crosses_diagonal(arguments, first_query, block.first + first, 16)) hide_beside_diagonal<-1>(p, first_query - block.first - first);
#pragma unroll
        for (int j = 0; j < QUERIES / 8; j++)
        {
#pragma unroll
            for (int e = 0; e < 4; e++)
            {
                const float power = fast_power_of_2(fused(p[j][e], scale2, -log_sums[8 * j + 2 * t + e % 2]));
                p[j][e] = seen[e / 2] ? power : 0.0f;
            }
        }

        add_product<Format, QUERIES / 8, WIDTH>(dv, p, gradient_columns, size);
        row_dots<Format, QUERIES / 8, WIDTH>(ds, values, first, gradients, size);
#pragma unroll
        for (int j = 0; j < QUERIES / 8; j++)
        {
#pragma unroll
            for (int e = 0; e < 4; e++) ds[j][e] = p[j][e] * (ds[j][e] - dots[8 * j + 2 * t + e % 2]);
        }

        add_product<Format, QUERIES / 8, WIDTH>(dk, ds, query_columns, size);
    }

    sync_threads(); // the staging rows lie where the tiles were
    if (!active) return;
    float* const staging = reinterpret_cast<float*>(shared) + first * tile_stride<WIDTH>();
    store_rows<WIDTH>(
        block.at(arguments.key_gradient, arguments.key_gradient_stride, block.first + first, size), arguments.key_gradient_stride, staging, dk,
        arguments.scale, arguments.scale, tokens - block.first - first, size, packets);
    store_rows<WIDTH>(
        block.at(arguments.value_gradient, arguments.value_gradient_stride, block.first + first, size), arguments.value_gradient_stride, staging, dv,
        1.0f, 1.0f, tokens - block.first - first, size, packets);
}

template <class Format, int WIDTH, int KEYS>
DEVICE void query_gradients_tensor(const AttentionBackwardArguments& arguments, uint32_t* shared)
{
    constexpr int QUERIES = 64, ROW_WORDS = Format::template row_words<WIDTH>(KEYS);
    constexpr int COLUMN_WORDS = Format::ONE_LAYOUT ? 0 : Format::template column_words<WIDTH>(KEYS);
    uint32_t* const queries = shared;
    uint32_t* const gradients = queries + Format::template row_words<WIDTH>(QUERIES);
    uint32_t* const keys = gradients + Format::template row_words<WIDTH>(QUERIES);
    uint32_t* const values = keys + ROW_WORDS;
    uint32_t* const key_columns = Format::ONE_LAYOUT ? keys : values + ROW_WORDS;
    int32_t* const seen = reinterpret_cast<int32_t*>(values + ROW_WORDS + COLUMN_WORDS);

    const int tokens = arguments.tokens, size = arguments.size;
    const Block block = Block::of(tokens, arguments.heads, QUERIES);
    const bool packets = arguments.packets != 0;
    const float scale2 = arguments.scale * LOG2_E;
    const int g = (int)lane_id() / 4, first = 16 * (int)warp_id();
    const bool active = block.first + first < tokens;
    load_rounded<Format, QUERIES, WIDTH, true, false>(
        queries, nullptr, block.at(arguments.query, arguments.query_stride, block.first, size), arguments.query_stride, tokens - block.first, size, packets);
    load_rounded<Format, QUERIES, WIDTH, true, false>(
        gradients, nullptr, block.at(arguments.output_gradient, arguments.output_gradient_stride, block.first, size), arguments.output_gradient_stride,
        tokens - block.first, size, packets);

    float dq[WIDTH / 8][4], log_sums[2], dots[2];
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
        const int query = block.first + first + g + 8 * half;
        log_sums[half] = query < tokens ? finite_or_above(arguments.log_sum_exp[block.scores + query]) * LOG2_E : infinity();
        dots[half] = query < tokens ? arguments.output_dots[block.scores + query] : 0.0f;
    }

#pragma unroll
    for (int j = 0; j < WIDTH / 8; j++) dq[j][0] = dq[j][1] = dq[j][2] = dq[j][3] = 0;

    const int end = arguments.causal && block.first + QUERIES < tokens ? block.first + QUERIES : tokens;
    for (int first_key = 0; first_key < end; first_key += KEYS)
    {
        const int own_key = first_key + (int)threadIdx.x;
        const bool own_seen = (int)threadIdx.x < KEYS && key_is_seen(arguments.key_mask, block, own_key, tokens);
        if (!any_thread(own_seen)) continue; // padding only; also the barrier before the tiles are overwritten
        if ((int)threadIdx.x < KEYS) seen[threadIdx.x] = own_seen;
        load_rounded<Format, KEYS, WIDTH, true, true>(
            keys, key_columns, block.at(arguments.key, arguments.key_stride, first_key, size), arguments.key_stride, tokens - first_key, size, packets);
        load_rounded<Format, KEYS, WIDTH, true, false>(
            values, nullptr, block.at(arguments.value, arguments.value_stride, first_key, size), arguments.value_stride, tokens - first_key, size, packets);
        sync_threads();
        if (!active) continue;

        float p[KEYS / 8][4], ds[KEYS / 8][4];
        row_dots<Format, KEYS / 8, WIDTH>(p, queries, first, keys, size);
        row_dots<Format, KEYS / 8, WIDTH>(ds, gradients, first, values, size);
        if (may_hide(arguments, first_key, KEYS)) hide_keys(p, seen);
        if (crosses_diagonal(arguments, block.first + first, first_key, KEYS)) hide_beside_diagonal<1>(p, first_key - block.first - first);
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++)
        {
#pragma unroll
            for (int e = 0; e < 4; e++) ds[j][e] = fast_power_of_2(fused(p[j][e], scale2, -log_sums[e / 2])) * (ds[j][e] - dots[e / 2]);
        }

        add_product<Format, KEYS / 8, WIDTH>(dq, ds, key_columns, size);
    }

    sync_threads(); // the staging rows lie where the tiles were
    if (!active) return;
    float* const staging = reinterpret_cast<float*>(shared) + first * tile_stride<WIDTH>();
    store_rows<WIDTH>(
        block.at(arguments.query_gradient, arguments.query_gradient_stride, block.first + first, size), arguments.query_gradient_stride, staging, dq,
        arguments.scale, arguments.scale, tokens - block.first - first, size, packets);
}

} // namespace attention

// The two kernels of one width; native/parts says which there are.
#define ATTENTION_BACKWARD_TENSOR(name, Format, WIDTH, TILE) \
    KERNEL(attention_key_value_gradients_##name##_##WIDTH, ATTENTION_THREADS, AttentionBackwardArguments) \
    { \
        DYNAMIC_SHARED(uint32_t, shared); \
        attention::key_value_gradients_tensor<attention::Format, WIDTH, TILE>(arguments, shared); \
    } \
    KERNEL(attention_query_gradients_##name##_##WIDTH, ATTENTION_THREADS, AttentionBackwardArguments) \
    { \
        DYNAMIC_SHARED(uint32_t, shared); \
        attention::query_gradients_tensor<attention::Format, WIDTH, TILE>(arguments, shared); \
    }
