// Gradients of attention in exact float32, on CUDA cores. With P made again from the log-sum-exp, dP = dO V^T and
// dS = P (dP - outputDots):   dV = P^T dO,   dK = dS^T Q / sqrt(size),   dQ = dS K / sqrt(size).
//
// Two kernels, so that each result has one owner. The first owns 8R keys and walks over the queries in tiles of 16C, with scores
// transposed; the second owns 8R queries and walks over the keys. Both are the same two products (attention_products_float32.cuh)
// with the roles of queries and keys exchanged. Grid = batch * heads * ceil(tokens / 8R).
//
//   width  R  C   tiles    shared memory dK, dV / dQ   live registers dK, dV / dQ
//     32   8  2  64 x 32       45.2 / 36.1 KB              134 / 130
//     64   4  2  32 x 32       43.2 / 38.6 KB              114 / 102
//    128   4  2  32 x 32       75.2 / 70.6 KB              145 / 118
//    256   2  1  16 x 16       67.6 / 66.3 KB              125 / 96
//
// (Registers: the most that are alive at once in clang's PTX, which spills none.) 8 + 6 = 14 * tokens^2 * size FLOPs a head (10 are needed; scores and dP
// are made twice, the price of having no atomics). Nearly as many wavefronts of shared memory as multiply-add cycles: expect 40 to 50 % of the
// float32 peak.
#pragma once

#include "attention_products_float32.cuh"

namespace attention {

template <int R, int C, int WIDTH>
DEVICE void key_value_gradients_float32(const AttentionBackwardArguments& arguments, float* shared)
{
    constexpr int KEYS = 8 * R, QUERIES = 16 * C, COLUMNS = WIDTH / 16;
    float* const keys = shared;
    float* const values = keys + KEYS * tile_stride<WIDTH>();
    float* const queries = values + KEYS * tile_stride<WIDTH>();
    float* const gradients = queries + QUERIES * tile_stride<WIDTH>();
    float* const probabilities = gradients + QUERIES * tile_stride<WIDTH>();
    float* const score_gradients = probabilities + KEYS * tile_stride<QUERIES>();
    float* const log_sums = score_gradients + KEYS * tile_stride<QUERIES>();
    float* const dots = log_sums + QUERIES;

    const int tokens = arguments.tokens, size = arguments.size;
    const Block block = Block::of(tokens, arguments.heads, KEYS);
    const bool packets = arguments.packets != 0;
    load_tile<KEYS, WIDTH>(
        keys, block.at(arguments.key, arguments.key_stride, block.first, size), arguments.key_stride, tokens - block.first, size, packets);
    load_tile<KEYS, WIDTH>(
        values, block.at(arguments.value, arguments.value_stride, block.first, size), arguments.value_stride, tokens - block.first, size, packets);

    float dk[R][COLUMNS], dv[R][COLUMNS];
    bool seen[R];
#pragma unroll
    for (int i = 0; i < R; i++)
    {
        seen[i] = key_is_seen(arguments.key_mask, block, block.first + vertical_place() + 8 * i, tokens);
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) dk[i][j] = dv[i][j] = 0;
    }

    // A causal query sees no later key, so the first query that matters is the one at the first key.
    for (int first_query = arguments.causal ? block.first / QUERIES * QUERIES : 0; first_query < tokens; first_query += QUERIES)
    {
        sync_threads();
        load_tile<QUERIES, WIDTH>(
            queries, block.at(arguments.query, arguments.query_stride, first_query, size), arguments.query_stride, tokens - first_query, size, packets);
        load_tile<QUERIES, WIDTH>(
            gradients, block.at(arguments.output_gradient, arguments.output_gradient_stride, first_query, size), arguments.output_gradient_stride,
            tokens - first_query, size, packets);
        if ((int)threadIdx.x < QUERIES)
        {
            const int query = first_query + (int)threadIdx.x;
            log_sums[threadIdx.x] = query < tokens ? finite_or_above(arguments.log_sum_exp[block.scores + query]) : infinity();
            dots[threadIdx.x] = query < tokens ? arguments.output_dots[block.scores + query] : 0.0f;
        }

        sync_threads();
        float p[R][C], ds[R][C];
        row_dots<R, C, WIDTH>(p, keys, queries, size);
        row_dots<R, C, WIDTH>(ds, values, gradients, size);
        if (crosses_diagonal(arguments, first_query, block.first, KEYS)) hide_beside_diagonal<-1, R, C>(p, first_query - block.first);
#pragma unroll
        for (int i = 0; i < R; i++)
        {
#pragma unroll
            for (int j = 0; j < C; j++)
            {
                const int query = horizontal_place() + 16 * j;
                p[i][j] = seen[i] ? exponential(p[i][j] * arguments.scale - log_sums[query]) : 0.0f;
                ds[i][j] = p[i][j] * (ds[i][j] - dots[query]);
            }
        }

        keep_weights<R, C>(probabilities, p);
        keep_weights<R, C>(score_gradients, ds);
        sync_warp();
        add_product<R, COLUMNS, QUERIES, WIDTH>(dv, probabilities, gradients, size);
        add_product<R, COLUMNS, QUERIES, WIDTH>(dk, score_gradients, queries, size);
    }

    store_rows<R, COLUMNS>(
        block.at(arguments.key_gradient, arguments.key_gradient_stride, block.first, size), arguments.key_gradient_stride, dk, tokens - block.first, size,
        arguments.scale);
    store_rows<R, COLUMNS>(
        block.at(arguments.value_gradient, arguments.value_gradient_stride, block.first, size), arguments.value_gradient_stride, dv,
        tokens - block.first, size, 1.0f);
}

template <int R, int C, int WIDTH>
DEVICE void query_gradients_float32(const AttentionBackwardArguments& arguments, float* shared)
{
    constexpr int QUERIES = 8 * R, KEYS = 16 * C, COLUMNS = WIDTH / 16;
    float* const queries = shared;
    float* const gradients = queries + QUERIES * tile_stride<WIDTH>();
    float* const keys = gradients + QUERIES * tile_stride<WIDTH>();
    float* const values = keys + KEYS * tile_stride<WIDTH>();
    float* const score_gradients = values + KEYS * tile_stride<WIDTH>();
    int32_t* const seen = reinterpret_cast<int32_t*>(score_gradients + QUERIES * tile_stride<KEYS>());

    const int tokens = arguments.tokens, size = arguments.size;
    const Block block = Block::of(tokens, arguments.heads, QUERIES);
    const bool packets = arguments.packets != 0;
    load_tile<QUERIES, WIDTH>(
        queries, block.at(arguments.query, arguments.query_stride, block.first, size), arguments.query_stride, tokens - block.first, size, packets);
    load_tile<QUERIES, WIDTH>(
        gradients, block.at(arguments.output_gradient, arguments.output_gradient_stride, block.first, size), arguments.output_gradient_stride,
        tokens - block.first, size, packets);

    float dq[R][COLUMNS], log_sums[R], dots[R];
#pragma unroll
    for (int i = 0; i < R; i++)
    {
        const int query = block.first + vertical_place() + 8 * i;
        log_sums[i] = query < tokens ? finite_or_above(arguments.log_sum_exp[block.scores + query]) : infinity();
        dots[i] = query < tokens ? arguments.output_dots[block.scores + query] : 0.0f;
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) dq[i][j] = 0;
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
        float p[R][C], ds[R][C];
        row_dots<R, C, WIDTH>(p, queries, keys, size);
        row_dots<R, C, WIDTH>(ds, gradients, values, size);
        if (may_hide(arguments, first_key, KEYS)) hide_keys<R, C>(p, seen);
        if (crosses_diagonal(arguments, block.first, first_key, KEYS)) hide_beside_diagonal<1, R, C>(p, first_key - block.first);
#pragma unroll
        for (int i = 0; i < R; i++)
        {
#pragma unroll
            for (int j = 0; j < C; j++) ds[i][j] = exponential(p[i][j] * arguments.scale - log_sums[i]) * (ds[i][j] - dots[i]);
        }

        keep_weights<R, C>(score_gradients, ds);
        sync_warp();
        add_product<R, COLUMNS, KEYS, WIDTH>(dq, score_gradients, keys, size);
    }

    store_rows<R, COLUMNS>(
        block.at(arguments.query_gradient, arguments.query_gradient_stride, block.first, size), arguments.query_gradient_stride, dq,
        tokens - block.first, size, arguments.scale);
}

} // namespace attention

// The two kernels of one width; native/parts says which there are.
#define ATTENTION_BACKWARD_FLOAT32(WIDTH, R, C) \
    KERNEL(attention_key_value_gradients_float32_##WIDTH, ATTENTION_THREADS, AttentionBackwardArguments) \
    { \
        DYNAMIC_SHARED(float, shared); \
        attention::key_value_gradients_float32<R, C, WIDTH>(arguments, shared); \
    } \
    KERNEL(attention_query_gradients_float32_##WIDTH, ATTENTION_THREADS, AttentionBackwardArguments) \
    { \
        DYNAMIC_SHARED(float, shared); \
        attention::query_gradients_float32<R, C, WIDTH>(arguments, shared); \
    }
