// Preparation of attention's backward pass: dots[n, h, t] = sum over d of outputGradient[n, t, h, d] * output[n, t, h, d], which is
// what the softmax's backward pass subtracts from every gradient of a probability.
//
// One warp a token and head, 4 warps a block, grid = ceil(batch * tokens * heads / 4). Lane l adds up columns l, l + 32, ... in
// order, a butterfly adds up the lanes. Reads 8 bytes a matrix element once, whole 128-byte lines for heads of 32 columns and more.
#pragma once

#include "attention.cuh"

struct AttentionOutputDotsArguments
{
    const float* output_gradient; // [batch * tokens, heads * size]
    const float* output;          // likewise
    float* dots;                  // [batch, heads, tokens]
    int64_t rows;                 // batch * tokens
    int32_t output_gradient_stride, output_stride;
    int32_t tokens, heads, size;
    int32_t unused;
};

KERNEL(attention_output_dots, ATTENTION_THREADS, AttentionOutputDotsArguments)
{
    const int64_t unit = (int64_t)blockIdx.x * (ATTENTION_THREADS / 32) + warp_id(); // (row, head), heads of a row side by side
    if (unit >= arguments.rows * arguments.heads) return;                           // a whole warp
    const int64_t row = unit / arguments.heads;
    const int head = (int)(unit % arguments.heads);
    const float* const a = arguments.output_gradient + row * arguments.output_gradient_stride + (int64_t)head * arguments.size;
    const float* const b = arguments.output + row * arguments.output_stride + (int64_t)head * arguments.size;
    float sum = 0;
    for (int d = (int)lane_id(); d < arguments.size; d += 32) sum = fused(a[d], b[d], sum);
#pragma unroll
    for (unsigned mask = 16; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
    if (lane_id() != 0) return;
    const int64_t sample = row / arguments.tokens, token = row % arguments.tokens;
    arguments.dots[(sample * arguments.heads + head) * arguments.tokens + token] = sum;
}
