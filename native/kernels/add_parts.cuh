// target += parts[0] + parts[1] + ..., in that order: the second pass of a sum whose first pass left one total a part.
//
//   parts [count][rows][part row stride], rows and parts at multiples of 16 bytes; target [rows, columns] with a row stride.
//   Launch: one thread for four columns of a row.
//
// Bound by memory: 4 * (count + 2) bytes an element.
#pragma once
#include "platform.cuh"

struct AddPartsArguments
{
    float* target;
    const float* parts;
    int64_t target_stride;
    int64_t part_row_stride; // a multiple of 4
    int64_t part_stride;     // elements from one part to the next, a multiple of 4
    int64_t rows;
    int32_t columns;
    int32_t count;           // parts, at least one
};

constexpr int ADD_PARTS_THREADS = 256;

// Four columns, or as many as there are.
DEVICE Vector4 load_part(const float* p, int count)
{
    if (count >= 4) return load4(p);
    return { p[0], count > 1 ? p[1] : 0, count > 2 ? p[2] : 0, 0 };
}

KERNEL(add_parts, ADD_PARTS_THREADS, AddPartsArguments)
{
    const int64_t packs = ((int64_t)arguments.columns + 3) / 4, index = (int64_t)blockIdx.x * ADD_PARTS_THREADS + threadIdx.x;
    const int64_t row = index / packs;
    const int column = 4 * (int)(index - row * packs);
    if (row >= arguments.rows) return;
    const int count = arguments.columns - column;
    const float* part = arguments.parts + row * arguments.part_row_stride + column;
    Vector4 sum = load_part(part, count);
    for (int i = 1; i < arguments.count; i++)
    {
        part += arguments.part_stride;
        const Vector4 v = load_part(part, count);
        sum = { sum.x + v.x, sum.y + v.y, sum.z + v.z, sum.w + v.w };
    }

    float* const target = arguments.target + row * arguments.target_stride + column;
    target[0] += sum.x;
    if (count > 1) target[1] += sum.y;
    if (count > 2) target[2] += sum.z;
    if (count > 3) target[3] += sum.w;
}
