// hidden[n, t] <- row t of [prefix; patches of sample n] + position[t - positionStart] (for t >= positionStart), and its backward pass: the patches'
// gradient is copied, those of prefix and positions are summed over samples, as they are or as absolute values.
// Launch: forward RowTile; backward a block for each token (x) and 128 columns (y, they stride), whose warps share the samples.
// Bytes: 8 an element both ways; prefix and positions stay in the caches. One addition an element.
#pragma once
#include "rows.cuh"

struct AssembleTokensForwardArguments
{
    Rows hidden;    // [batch * tokens, columns]
    Rows patches;   // [batch * (tokens - prefix_rows), columns]
    Rows prefix;    // [prefix_rows, columns]
    Rows positions; // [tokens - position_start, columns]
    int32_t rows, columns;
    int32_t tokens, prefix_rows, position_start;
    int32_t lanes_log2;
};

struct AssembleTokensBackwardArguments
{
    Rows patch_gradient;    // [batch * (tokens - prefix_rows), columns]
    Rows prefix_gradient;   // [prefix_rows, columns], or none
    Rows position_gradient; // [tokens - position_start, columns], or none
    Rows hidden_gradient;   // [batch * tokens, columns]
    int32_t batch, columns;
    int32_t tokens, prefix_rows, position_start;
    int32_t absolute;
};

template <bool PACKED> DEVICE void assemble_tokens(const AssembleTokensForwardArguments& arguments)
{
    const RowTile tile(arguments.lanes_log2);
    if (tile.row >= arguments.rows) return;
    const uint32_t width = (uint32_t)arguments.columns;
    const int32_t sample = (int32_t)tile.row / arguments.tokens, token = (int32_t)tile.row - sample * arguments.tokens;
    const bool is_prefix = token < arguments.prefix_rows;
    const int64_t patch = (int64_t)sample * (arguments.tokens - arguments.prefix_rows) + token - arguments.prefix_rows;
    const float* prefix_source = arguments.prefix[token];
    const float* patch_source = arguments.patches[patch];
    const float* source = is_prefix ? prefix_source : patch_source;
    const bool has_position = token >= arguments.position_start;
    const float* position = arguments.positions[has_position ? token - arguments.position_start : 0];
    float* hidden = arguments.hidden[tile.row];
    for (uint32_t column = tile.column; column < width; column += tile.step)
    {
        Quad x = load_quad<PACKED>(source, column, width);
        if (has_position)
        {
            const Quad p = load_quad<PACKED>(position, column, width);
#pragma unroll
            for (int k = 0; k < 4; k++) x.at[k] += p.at[k];
        }

        store_quad<PACKED>(hidden, column, width, x);
    }
}

KERNEL(assemble_tokens_forward, ROW_THREADS, AssembleTokensForwardArguments)
{
    const int32_t columns = arguments.columns;
    const bool packed = arguments.hidden.packed(columns) && arguments.patches.packed(columns) && arguments.prefix.packed(columns) && arguments.positions.packed(columns);
    if (packed) assemble_tokens<true>(arguments);
    else assemble_tokens<false>(arguments);
}

template <bool PACKED> DEVICE void take_tokens_apart(const AssembleTokensBackwardArguments& arguments)
{
    const uint32_t width = (uint32_t)arguments.columns;
    const int32_t token = (int32_t)blockIdx.x;
    const bool is_prefix = token < arguments.prefix_rows;
    for (uint32_t tile = blockIdx.y; tile * COLUMN_TILE < width; tile += gridDim.y)
    {
        const uint32_t column = tile * COLUMN_TILE + lane_id() * 4;
        RunningQuad own;
        for (int64_t first = warp_id(); first < arguments.batch; first += 4 * COLUMN_WARPS)
        {
            // Four samples are under way at a time; those behind the last read and write nothing and count as 0.
            Quad gradients[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                const int64_t sample = first + i * COLUMN_WARPS;
                gradients[i] = load_quad<PACKED>(arguments.hidden_gradient[sample * arguments.tokens + token], sample < arguments.batch ? column : width, width);
            }

#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                const int64_t sample = first + i * COLUMN_WARPS, row = sample * (arguments.tokens - arguments.prefix_rows) + token - arguments.prefix_rows;
                if (!is_prefix) store_quad<PACKED>(arguments.patch_gradient[row], sample < arguments.batch ? column : width, width, gradients[i]);
                own.add(arguments.absolute != 0 ? magnitude(gradients[i]) : gradients[i]);
            }
        }

        const Quad sum = sum_over_warps(own.sum());
        if (warp_id() != 0 || column >= width) continue;
        if (is_prefix && arguments.prefix_gradient.data != nullptr) add_quad<PACKED>(arguments.prefix_gradient[token], column, width, sum);
        if (token >= arguments.position_start && arguments.position_gradient.data != nullptr)
            add_quad<PACKED>(arguments.position_gradient[token - arguments.position_start], column, width, sum);
    }
}

KERNEL(assemble_tokens_backward, COLUMN_THREADS, AssembleTokensBackwardArguments)
{
    const int32_t columns = arguments.columns;
    const bool packed = arguments.patch_gradient.packed(columns) && arguments.prefix_gradient.packed(columns) && arguments.position_gradient.packed(columns)
        && arguments.hidden_gradient.packed(columns);
    if (packed) take_tokens_apart<true>(arguments);
    else take_tokens_apart<false>(arguments);
}
