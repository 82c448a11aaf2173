// db += the sum of the rows of dY, or the sum over samples of the absolute value of each sample's: the gradient of a bias.
//
//   dY [rows, columns] with a row stride, db [columns].
//   Launch: grid (ceil(columns / 128), parts) of 256 threads.
//
// A block sums segments of consecutive rows for 128 columns: warp w takes rows w, w + 8, ... of a segment, four columns a lane; the eight
// sums are added in order in shared memory, and the segment's sum or its absolute value is added to the block's total. A segment is a
// sample, or all rows of the part where a plain sum is wanted. Totals of parts are added in order by add_parts; parts depend on the shape
// alone. float32 throughout: chains are rows / 8 of a segment, then 8, then segments, then parts.
//
// Bound by memory: 4 bytes an element of dY, read once, 16 bytes a lane where rows are aligned.
#pragma once
#include "math.cuh"

struct BiasGradientArguments
{
    const float* values;      // dY
    float* target;            // db, or the totals of the first part
    int64_t stride;
    int64_t part_stride;      // elements from the totals of one part to the next's
    int32_t rows;
    int32_t rows_per_segment;
    int32_t rows_per_part;    // whole segments
    int32_t columns;
    int32_t packed;           // rows can be read 16 bytes at a time
    int32_t absolute_values;  // add |values|: segments of one row, all in one
    int32_t absolute_sums;    // add the absolute value of a segment's sum
    int32_t accumulate;       // add to the target; otherwise its old content is not read
};

constexpr int BIAS_GRADIENT_THREADS = 256;
constexpr int BIAS_GRADIENT_WIDTH = 128;

namespace bias_gradient_of {

constexpr int WARPS = BIAS_GRADIENT_THREADS / 32;

DEVICE Vector4 load(const BiasGradientArguments& arguments, int64_t row, int column)
{
    const float* const p = arguments.values + row * arguments.stride + column;
    Vector4 v = { 0, 0, 0, 0 };
    if (arguments.packed && column + 4 <= arguments.columns) v = load4(p);
    else
    {
        if (column < arguments.columns) v.x = p[0];
        if (column + 1 < arguments.columns) v.y = p[1];
        if (column + 2 < arguments.columns) v.z = p[2];
        if (column + 3 < arguments.columns) v.w = p[3];
    }

    if (arguments.absolute_values) v = { magnitude(v.x), magnitude(v.y), magnitude(v.z), magnitude(v.w) };
    return v;
}

// This warp's rows of [first, end), four on their way at a time.
DEVICE Vector4 sum_rows(const BiasGradientArguments& arguments, int64_t first, int64_t end, int column)
{
    Vector4 sum = { 0, 0, 0, 0 };
    for (int64_t row = first + warp_id(); row < end; row += 4 * WARPS)
    {
        Vector4 values[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            values[i] = { 0, 0, 0, 0 };
            if (row + i * WARPS < end) values[i] = load(arguments, row + i * WARPS, column);
        }

#pragma unroll
        for (int i = 0; i < 4; i++) sum = { sum.x + values[i].x, sum.y + values[i].y, sum.z + values[i].z, sum.w + values[i].w };
    }

    return sum;
}

} // namespace bias_gradient_of

KERNEL(bias_gradient, BIAS_GRADIENT_THREADS, BiasGradientArguments)
{
    using namespace bias_gradient_of;
    SHARED(float, sums, 2 * WARPS * BIAS_GRADIENT_WIDTH); // double buffered, so that a segment takes one barrier
    const int first_column = BIAS_GRADIENT_WIDTH * (int)blockIdx.x;
    const int64_t first = (int64_t)blockIdx.y * arguments.rows_per_part;
    const int64_t end = first + arguments.rows_per_part < arguments.rows ? first + arguments.rows_per_part : arguments.rows;
    float total = 0;
    int buffer = 0;
    for (int64_t segment = first; segment < end; segment += arguments.rows_per_segment)
    {
        const int64_t last = segment + arguments.rows_per_segment < end ? segment + arguments.rows_per_segment : end;
        const Vector4 own = sum_rows(arguments, segment, last, first_column + 4 * (int)lane_id());
        store4(sums + buffer + (int)warp_id() * BIAS_GRADIENT_WIDTH + 4 * (int)lane_id(), own);
        sync_threads();
        if (threadIdx.x < BIAS_GRADIENT_WIDTH)
        {
            float sum = sums[buffer + threadIdx.x];
#pragma unroll
            for (int warp = 1; warp < WARPS; warp++) sum += sums[buffer + warp * BIAS_GRADIENT_WIDTH + threadIdx.x];
            total += arguments.absolute_sums ? magnitude(sum) : sum;
        }

        buffer ^= WARPS * BIAS_GRADIENT_WIDTH;
    }

    const int column = first_column + (int)threadIdx.x;
    if (threadIdx.x >= BIAS_GRADIENT_WIDTH || column >= arguments.columns) return;
    float* const target = arguments.target + blockIdx.y * arguments.part_stride + column;
    *target = arguments.accumulate ? *target + total : total;
}
