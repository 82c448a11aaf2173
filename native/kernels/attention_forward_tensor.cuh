// output = softmax(Q K^T / sqrt(size) + mask) V on the tensor cores: Q, K, V and the probabilities rounded to TF32 or bfloat16 as they become
// operands; scores, softmax and all sums in float32.
//
// A block of 4 warps owns 64 queries of one head, a warp 16 of them, with its queries as fragments in registers. Keys come in tiles of
// KEYS; scores and probabilities never leave registers (see attention_fragments.cuh), so a tile of keys costs two barriers.
// Grid = batch * heads * ceil(tokens / 64). Warps whose queries lie behind the last token only help to load.
//
//   kernel           KEYS   shared memory   live registers   blocks of an SM with 164 KB (sm_80)
//   ..._tf32_32       64      18.2 KB           115            4
//   ..._tf32_64       64      34.2 KB           148            3
//   ..._tf32_128      32      33.1 KB           200            2
//   ..._bf16_32       64      10.2 KB           107            4
//   ..._bf16_64       64      18.2 KB           130            3
//   ..._bf16_128      64      34.2 KB           180            2
//
// (Registers: the most that are alive at once in clang's PTX, which spills none.) 4 * tokens^2 * size FLOPs a head. A tile of 64 keys of a bfloat16 head
// of 64 takes a warp 64 instructions of the tensor cores (512 cycles of a multiprocessor for its four warps on sm_80), 144 fragment loads (576
// cycles) and about 250 other instructions (250 cycles of each scheduler): shared memory is the limit. Expect 40 to 50 % of the tensor peak at 512
// tokens on sm_80, half of that on sm_90, whose peak needs wgmma. Short sequences (50, 77 tokens) are bound by device memory: 16 bytes an
// element of Q, K, V and O.
#pragma once

#include "attention_fragments.cuh"

namespace attention {

template <class Format, int WIDTH, int KEYS>
DEVICE void forward_tensor(const AttentionForwardArguments& arguments, uint32_t* shared)
{
    constexpr int QUERIES = 64, STEPS = WIDTH / Format::DEPTH;
    uint32_t* const keys = shared;
    uint32_t* const values = keys + Format::template row_words<WIDTH>(KEYS);
    int32_t* const seen = reinterpret_cast<int32_t*>(values + Format::template column_words<WIDTH>(KEYS));

    const int tokens = arguments.tokens, size = arguments.size;
    const Block block = Block::of(tokens, arguments.heads, QUERIES);
    const bool packets = arguments.packets != 0;
    const float scale2 = arguments.scale * LOG2_E;
    const int g = (int)lane_id() / 4, t = (int)lane_id() % 4, first = 16 * (int)warp_id();
    const bool active = block.first + first < tokens;

    // The queries pass through the memory of keys and values into registers.
    load_rounded<Format, QUERIES, WIDTH, true, false>(
        shared, nullptr, block.at(arguments.query, arguments.query_stride, block.first, size), arguments.query_stride, tokens - block.first, size, packets);
    sync_threads();
    uint32_t q[STEPS][4];
#pragma unroll
    for (int step = 0; step < STEPS; step++) Format::template left<WIDTH>(q[step], shared, first, step);

    float o[WIDTH / 8][4], largest[2] = { -infinity(), -infinity() }, sums[2] = { 0, 0 };
#pragma unroll
    for (int j = 0; j < WIDTH / 8; j++) o[j][0] = o[j][1] = o[j][2] = o[j][3] = 0;

    const int end = arguments.causal && block.first + QUERIES < tokens ? block.first + QUERIES : tokens;
    for (int first_key = 0; first_key < end; first_key += KEYS)
    {
        const int own_key = first_key + (int)threadIdx.x;
        const bool own_seen = (int)threadIdx.x < KEYS && key_is_seen(arguments.key_mask, block, own_key, tokens);
        if (!any_thread(own_seen)) continue; // padding only; also the barrier before the tiles are overwritten
        if ((int)threadIdx.x < KEYS) seen[threadIdx.x] = own_seen;
        load_rounded<Format, KEYS, WIDTH, true, false>(
            keys, nullptr, block.at(arguments.key, arguments.key_stride, first_key, size), arguments.key_stride, tokens - first_key, size, packets);
        load_rounded<Format, KEYS, WIDTH, false, true>(
            nullptr, values, block.at(arguments.value, arguments.value_stride, first_key, size), arguments.value_stride, tokens - first_key, size, packets);
        sync_threads();
        if (!active) continue;

        float s[KEYS / 8][4];
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++) s[j][0] = s[j][1] = s[j][2] = s[j][3] = 0;
#pragma unroll
        for (int step = 0; step < STEPS; step++)
        {
            if (step * Format::DEPTH < size) add_row_dots<Format, KEYS / 8, WIDTH>(s, q[step], keys, step);
        }

        if (may_hide(arguments, first_key, KEYS)) hide_keys(s, seen);
        if (crosses_diagonal(arguments, block.first + first, first_key, KEYS)) hide_beside_diagonal<1>(s, first_key - block.first - first);

        // Elements 0 and 1 are of query g, elements 2 and 3 of query g + 8.
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            float top = largest[half]; // a NaN passes by here and reaches the results through the powers
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++) top = maximum(top, maximum(s[j][2 * half], s[j][2 * half + 1]));
            top = maximum(top, shuffle_xor(top, 1u));
            top = maximum(top, shuffle_xor(top, 2u));
            const float base = top == -infinity() ? 0.0f : top * scale2, correction = fast_power_of_2(fused(largest[half], scale2, -base));
            largest[half] = top;
            sums[half] *= correction;
#pragma unroll
            for (int j = 0; j < KEYS / 8; j++)
            {
#pragma unroll
                for (int e = 0; e < 2; e++)
                {
                    float& x = s[j][2 * half + e];
                    x = fast_power_of_2(fused(x, scale2, -base));
                    sums[half] += x;
                }
            }

#pragma unroll
            for (int j = 0; j < WIDTH / 8; j++)
            {
                o[j][2 * half] *= correction;
                o[j][2 * half + 1] *= correction;
            }
        }

        add_product<Format, KEYS / 8, WIDTH>(o, s, values, size);
    }

    sync_threads(); // the staging rows lie where keys and values were
    if (!active) return;
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
        float sum = sums[half];
        sum += shuffle_xor(sum, 1u);
        sum += shuffle_xor(sum, 2u);
        inverse[half] = sum == 0 ? 0.0f : divide(1.0f, sum); // 0: every key is hidden
        const int query = block.first + first + g + 8 * half;
        if (arguments.log_sum_exp != nullptr && t == 0 && query < tokens)
            arguments.log_sum_exp[block.scores + query] = sum == 0 ? -infinity() : fused(largest[half], arguments.scale, logarithm(sum));
    }

    float* const staging = reinterpret_cast<float*>(shared) + first * tile_stride<WIDTH>();
    store_rows<WIDTH>(
        block.at(arguments.output, arguments.output_stride, block.first + first, size), arguments.output_stride, staging, o, inverse[0], inverse[1],
        tokens - block.first - first, size, packets);
}

} // namespace attention

// The kernel of one width; native/parts says which there are.
#define ATTENTION_FORWARD_TENSOR(name, Format, WIDTH, KEYS) \
    KERNEL(attention_forward_##name##_##WIDTH, ATTENTION_THREADS, AttentionForwardArguments) \
    { \
        DYNAMIC_SHARED(uint32_t, shared); \
        attention::forward_tensor<attention::Format, WIDTH, KEYS>(arguments, shared); \
    }
