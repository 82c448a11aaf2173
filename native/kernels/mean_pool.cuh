// output[n] <- mean over the tokens t >= firstToken of sample n that the mask shows, 0 if it shows none; and its backward pass, which shares the pooled
// gradient among those tokens and gives 0 to the others.
// Launch: forward a block for each sample (x) and 128 columns (y, they stride), whose warps share the tokens; backward a block for each
// sample (x) and 8 tokens (y, they stride). Bytes: 4 an element read, or written; one addition or product each.
#pragma once
#include "math.cuh"
#include "reduce.cuh"
#include "rows.cuh"

struct MeanPoolArguments
{
    Rows hidden;         // [batch * tokens, columns]: the tokens, or their gradient
    Rows pooled;         // [batch, columns]: the means, or their gradient
    const int32_t* mask; // [batch, tokens], or none
    int32_t columns;
    int32_t tokens, first_token;
    int32_t unused;
};

DEVICE bool is_shown(const MeanPoolArguments& a, int64_t sample, int32_t token) { return a.mask == nullptr || a.mask[sample * a.tokens + token] != 0; }

// Number of tokens that count, for the whole block.
DEVICE int32_t shown_tokens(const MeanPoolArguments& a, int64_t sample)
{
    if (a.mask == nullptr) return a.tokens > a.first_token ? a.tokens - a.first_token : 0;
    int32_t shown = 0;
    for (int64_t token = (int64_t)a.first_token + threadIdx.x; token < a.tokens; token += COLUMN_THREADS) shown += is_shown(a, sample, (int32_t)token) ? 1 : 0;
    return block_sum<COLUMN_THREADS>(shown);
}

template <bool PACKED> DEVICE void pool_tokens(const MeanPoolArguments& arguments)
{
    const int64_t sample = blockIdx.x;
    const uint32_t width = (uint32_t)arguments.columns;
    const int32_t shown = shown_tokens(arguments, sample);
    const float scale = shown == 0 ? 0.0f : divide(1.0f, (float)shown);
    for (uint32_t tile = blockIdx.y; tile * COLUMN_TILE < width; tile += gridDim.y)
    {
        const uint32_t column = tile * COLUMN_TILE + lane_id() * 4;
        RunningQuad own;
        for (int64_t first = (int64_t)arguments.first_token + warp_id(); first < arguments.tokens; first += 4 * COLUMN_WARPS)
        {
            // Four tokens are under way at a time; those that do not count are not read.
            Quad tokens[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                const int64_t token = first + i * COLUMN_WARPS;
                const bool shown_here = token < arguments.tokens && is_shown(arguments, sample, (int32_t)token);
                tokens[i] = load_quad<PACKED>(arguments.hidden[sample * arguments.tokens + token], shown_here ? column : width, width);
            }

#pragma unroll
            for (int i = 0; i < 4; i++) own.add(tokens[i]);
        }

        Quad sum = sum_over_warps(own.sum());
#pragma unroll
        for (int k = 0; k < 4; k++) sum.at[k] *= scale;
        if (warp_id() == 0 && column < width) store_quad<PACKED>(arguments.pooled[sample], column, width, sum);
    }
}

KERNEL(mean_pool_forward, COLUMN_THREADS, MeanPoolArguments)
{
    if (arguments.hidden.packed(arguments.columns) && arguments.pooled.packed(arguments.columns)) pool_tokens<true>(arguments);
    else pool_tokens<false>(arguments);
}

template <bool PACKED> DEVICE void share_pooled(const MeanPoolArguments& arguments)
{
    const int64_t sample = blockIdx.x;
    const uint32_t width = (uint32_t)arguments.columns;
    const int32_t shown = shown_tokens(arguments, sample);
    const float scale = divide(1.0f, (float)(shown == 0 ? 1 : shown));
    const float* gradient = arguments.pooled[sample];
    for (int64_t token = (int64_t)blockIdx.y * COLUMN_WARPS + warp_id(); token < arguments.tokens; token += (int64_t)gridDim.y * COLUMN_WARPS)
    {
        const bool used = token >= arguments.first_token && is_shown(arguments, sample, (int32_t)token);
        float* hidden = arguments.hidden[sample * arguments.tokens + token];
        for (uint32_t column = lane_id() * 4; column < width; column += 128)
        {
            Quad x = load_quad<PACKED>(gradient, used ? column : width, width);
#pragma unroll
            for (int k = 0; k < 4; k++) x.at[k] *= scale;
            store_quad<PACKED>(hidden, column, width, x);
        }
    }
}

KERNEL(mean_pool_backward, COLUMN_THREADS, MeanPoolArguments)
{
    if (arguments.hidden.packed(arguments.columns) && arguments.pooled.packed(arguments.columns)) share_pooled<true>(arguments);
    else share_pooled<false>(arguments);
}
