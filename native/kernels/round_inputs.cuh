// Inputs of a bfloat16 product: float32 rounded to bfloat16, to nearest even, into a matrix without gaps.
//
//   values [rows, columns] with a row stride; output [rows, output_stride], rows at multiples of 16 bytes. The numbers from `columns` to
//   `output_stride` are written as zero; products do not read them.
//   Launch: one thread for eight columns of a row.
//
// Bound by memory: 6 bytes an element.
#pragma once
#include "platform.cuh"

struct RoundInputsArguments
{
    uint16_t* output;
    const float* values;
    int64_t stride;
    int64_t output_stride; // a multiple of 8, at least `columns`
    int64_t rows;
    int32_t columns;
    int32_t packed;        // rows of `values` can be read 16 bytes at a time
};

constexpr int ROUND_INPUTS_THREADS = 256;

KERNEL(round_inputs_bf16, ROUND_INPUTS_THREADS, RoundInputsArguments)
{
    const uint64_t index = (uint64_t)blockIdx.x * ROUND_INPUTS_THREADS + threadIdx.x, packs = (uint64_t)arguments.output_stride / 8;
    const int64_t row = ((index | packs) >> 32) == 0 ? (int64_t)((uint32_t)index / (uint32_t)packs) : (int64_t)(index / packs);
    const int column = 8 * (int)((int64_t)index - row * (int64_t)packs);
    if (row >= arguments.rows) return;
    const float* const from = arguments.values + row * arguments.stride + column;
    float v[8];
    if (arguments.packed && column + 8 <= arguments.columns)
    {
        const Vector4 low = load4(from), high = load4(from + 4);
        v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w, v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
    }
    else
    {
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            v[i] = 0;
            if (column + i < arguments.columns) v[i] = from[i];
        }
    }

    store16(
        arguments.output + row * arguments.output_stride + column,
        { pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]) });
}
