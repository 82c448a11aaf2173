// Softmax attention: what its kernels share. Argument structs, the place of a block in the problem, which keys a query sees.
//
// Queries, keys, values and outputs are row-major float32 matrices of batch * tokens rows with strides of their own (they may be
// column ranges of one fused buffer); head h owns the columns [h * size, (h + 1) * size). The scheme is FlashAttention-2
// (Dao, arXiv 2307.08691): scores live in registers and shared memory alone, the forward pass keeps the logarithm of each row's
// sum of exponentials, and the backward pass makes the probabilities again from it. Gradients of keys and values and gradients
// of queries come from two kernels, each of which owns what it writes: no atomics, the same bits every time.
#pragma once

#include "math.cuh"
#include "platform.cuh"

struct AttentionForwardArguments
{
    float* output;           // [batch * tokens, heads * size]
    float* log_sum_exp;      // [batch, heads, tokens]: ln of the sum of exp(score); null if it is not wanted
    const float* query;      // [batch * tokens, heads * size]
    const float* key;        // likewise
    const float* value;      // likewise
    const int32_t* key_mask; // [batch, tokens]: 0 hides a key; null shows all
    int32_t output_stride, query_stride, key_stride, value_stride; // floats from one row to the next
    int32_t tokens, heads, size;
    int32_t causal;          // 1: a token sees itself and those before it
    int32_t packets;         // 1: all addresses and strides allow 16-byte accesses
    float scale;             // of scores: 1 / sqrt(size)
};

struct AttentionBackwardArguments
{
    float* query_gradient;         // written by the kernels of query gradients
    float* key_gradient;           // written by the kernels of key and value gradients
    float* value_gradient;         // likewise
    const float* output_gradient;  // [batch * tokens, heads * size]
    const float* query;
    const float* key;
    const float* value;
    const float* log_sum_exp;      // [batch, heads, tokens], of the forward pass
    const float* output_dots;      // [batch, heads, tokens], of attention_output_dots
    const int32_t* key_mask;       // as in the forward pass
    int32_t query_gradient_stride, key_gradient_stride, value_gradient_stride, output_gradient_stride;
    int32_t query_stride, key_stride, value_stride;
    int32_t tokens, heads, size;
    int32_t causal;
    int32_t packets;
    float scale;
    int32_t unused;                // the size is a multiple of 8 bytes for every compiler
};

// Block size of all kernels of attention: 4 warps.
constexpr int ATTENTION_THREADS = 128;

namespace attention {

// The part of the problem that a block owns: one tile of rows of one head of one sample. Grids are one-dimensional, tile by tile
// within a head, so that neighbours read the same keys and values while these are in the L2 cache.
struct Block
{
    int head;
    int first;        // first token of the tile
    int64_t row;      // row of the sample's first token in the matrices
    int64_t scores;   // place of the head's first token in [batch, heads, tokens]

    DEVICE static Block of(int tokens, int heads, int tile_rows)
    {
        const unsigned tiles = (unsigned)(tokens + tile_rows - 1) / (unsigned)tile_rows;
        const unsigned unit = blockIdx.x / tiles, sample = unit / (unsigned)heads;
        Block block;
        block.head = (int)(unit % (unsigned)heads);
        block.first = (int)(blockIdx.x % tiles) * tile_rows;
        block.row = (int64_t)sample * tokens;
        block.scores = (int64_t)unit * tokens;
        return block;
    }

    // The head's columns of one token.
    template <class T> DEVICE T* at(T* matrix, int stride, int token, int size) const
    {
        return matrix + (row + token) * stride + (int64_t)head * size;
    }
};

// exp(score - logSumExp) is 0 for rows that see nothing (their log-sum-exp is -infinity): subtract +infinity instead.
DEVICE float finite_or_above(float log_sum_exp) { return log_sum_exp == -infinity() ? infinity() : log_sum_exp; }

// Whether a key exists and the mask shows it.
DEVICE bool key_is_seen(const int32_t* key_mask, const Block& block, int token, int tokens)
{
    return token < tokens && (key_mask == nullptr || key_mask[block.row + token] != 0);
}

// Whether a tile of keys may hold one that is not seen: most tiles hold none, and their scores need no look at `seen`.
template <class Arguments> DEVICE bool may_hide(const Arguments& arguments, int first_key, int keys)
{
    return arguments.key_mask != nullptr || first_key + keys > arguments.tokens;
}

// Whether a causal query sees less than all of a tile of keys.
template <class Arguments> DEVICE bool crosses_diagonal(const Arguments& arguments, int first_query, int first_key, int keys)
{
    return arguments.causal && first_key + keys > first_query + 1;
}

} // namespace attention
