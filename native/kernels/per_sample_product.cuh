// dW += the sum over samples s of |dY_s^T X_s|: TATR's sum of absolute per-sample gradients of a linear layer's weight, in float32.
//
//   dY [rows, outputs], X [rows, inputs], dW [outputs, inputs], row-major with row strides; a sample is rows_per_sample consecutive rows.
//   Launch: grid (ceil(inputs / 128), ceil(outputs / 128), parts) of 256 threads.
//
// A block owns a 128 x 128 tile of dW and goes through the samples of its part. A thread keeps two 8 x 8 tiles in registers: `product`,
// the fused multiply-add chain over the rows of the sample at hand, and `total`, to which |product| is added when the sample ends. The
// product of one sample is never stored. Rows stream through shared memory 16 at a time, double buffered, without regard to where samples
// end: nothing is padded, so samples of 1, 17, 50 or 197 rows cost the same a row.
//
// Cost: 2 * rows * outputs * inputs FLOP like an ordinary product, and 2 * outputs * inputs additions a sample: 2 / rows_per_sample more.
// Reads 4 * rows * (outputs * ceil(inputs / 128) + inputs * ceil(outputs / 128)) bytes through the L2 cache: 32 FLOP a byte a full tile.
// A step of a warp is 64 multiply-adds a lane beside four 16-byte shared loads without bank conflicts, in which lanes share addresses: 128
// cycles of multiply-adds a step of a block against 32 of shared memory where equal addresses are merged, and 128 at the worst.
//
// A small dW has too few tiles for a card: samples are then split into parts (blockIdx.z), whose totals go to scratch and are added in
// order by add_parts. The number of parts depends on the shape alone, so the bits do not depend on the card.
#pragma once
#include "math.cuh"

struct PerSampleProductArguments
{
    const void* output_gradient; // dY: float32, or bfloat16 copies for per_sample_product_bf16
    const void* input;           // X, likewise
    float* target;               // dW, or the totals of the first part
    int64_t output_gradient_stride;
    int64_t input_stride;
    int64_t target_stride;
    int64_t part_stride;      // elements from the totals of one part to the next's; 0 where there is one part
    int32_t rows;
    int32_t rows_per_sample;
    int32_t rows_per_part;    // whole samples, but for a last part that is shorter
    int32_t outputs;
    int32_t inputs;
    int32_t packed;           // dY and X in float32 can be read 16 bytes at a time
    int32_t absolute_inputs;  // take |dY| and |X|: samples of one row are a plain sum of absolute products, a part being one sample
    int32_t accumulate;       // add to the target; otherwise its old content is not read
};

constexpr int PER_SAMPLE_THREADS = 256;
constexpr int PER_SAMPLE_TILE = 128;

namespace per_sample {

// Columns [column, column + 4) of a row, zero from `columns` on.
DEVICE Vector4 load_columns(const float* row, int column, int columns, bool packed)
{
    if (packed && column + 4 <= columns) return load4(row + column);
    Vector4 v = { 0, 0, 0, 0 };
    if (column < columns) v.x = row[column];
    if (column + 1 < columns) v.y = row[column + 1];
    if (column + 2 < columns) v.z = row[column + 2];
    if (column + 3 < columns) v.w = row[column + 3];
    return v;
}

// |v|, or v itself.
DEVICE Vector4 magnitude_if(bool absolute, Vector4 v)
{
    return absolute ? Vector4 { magnitude(v.x), magnitude(v.y), magnitude(v.z), magnitude(v.w) } : v;
}

// Four columns of a row as the product takes them; zeros where there is no row.
DEVICE Vector4 load_row(
    const void* matrix, int64_t stride, int64_t row, bool there, int column, int columns, const PerSampleProductArguments& arguments)
{
    if (!there) return { 0, 0, 0, 0 };
    return magnitude_if(arguments.absolute_inputs, load_columns(static_cast<const float*>(matrix) + row * stride, column, columns, arguments.packed));
}

// Puts or adds four totals into columns [column, column + 4) of a row of the target.
DEVICE void store_totals(float* row, int column, int columns, Vector4 v, bool accumulate)
{
    float* const p = row + column;
    if (column < columns) p[0] = accumulate ? p[0] + v.x : v.x;
    if (column + 1 < columns) p[1] = accumulate ? p[1] + v.y : v.y;
    if (column + 2 < columns) p[2] = accumulate ? p[2] + v.z : v.z;
    if (column + 3 < columns) p[3] = accumulate ? p[3] + v.w : v.w;
}

constexpr int DEPTH = 16;                                    // rows in shared memory at a time
constexpr int FETCHES = DEPTH * PER_SAMPLE_TILE / 4 / PER_SAMPLE_THREADS; // 16-byte pieces of one operand a thread brings

struct Fetched { Vector4 gradient[FETCHES], input[FETCHES]; };

// A warp brings whole rows of the tile: lane l columns 4l to 4l + 3, rows beyond the part as zeros.
DEVICE void fetch(Fetched& fetched, const PerSampleProductArguments& arguments, int64_t row, int rows)
{
    const int column = 4 * (int)lane_id();
    const int output = PER_SAMPLE_TILE * (int)blockIdx.y + column, input = PER_SAMPLE_TILE * (int)blockIdx.x + column;
#pragma unroll
    for (int i = 0; i < FETCHES; i++)
    {
        const int r = (int)warp_id() + i * (PER_SAMPLE_THREADS / 32);
        fetched.gradient[i] = load_row(
            arguments.output_gradient, arguments.output_gradient_stride, row + r, r < rows, output, arguments.outputs, arguments);
        fetched.input[i] = load_row(arguments.input, arguments.input_stride, row + r, r < rows, input, arguments.inputs, arguments);
    }
}

DEVICE void put(const Fetched& fetched, float* gradients, float* inputs)
{
#pragma unroll
    for (int i = 0; i < FETCHES; i++)
    {
        const int place = ((int)warp_id() + i * (PER_SAMPLE_THREADS / 32)) * PER_SAMPLE_TILE + 4 * (int)lane_id();
        store4(gradients + place, fetched.gradient[i]);
        store4(inputs + place, fetched.input[i]);
    }
}

// product += the outer product of one row's eight gradients and eight inputs.
DEVICE void multiply(float (&product)[8][8], const float* gradients, const float* inputs)
{
    const Vector4 a0 = load4(gradients), a1 = load4(gradients + 16), b0 = load4(inputs), b1 = load4(inputs + 32);
    const float a[8] = { a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w }, b[8] = { b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w };
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
#pragma unroll
        for (int j = 0; j < 8; j++) product[i][j] = fused(a[i], b[j], product[i][j]);
    }
}

DEVICE void add_absolute(float (&total)[8][8], float (&product)[8][8])
{
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            total[i][j] += magnitude(product[i][j]);
            product[i][j] = 0;
        }
    }
}

} // namespace per_sample

KERNEL(per_sample_product, PER_SAMPLE_THREADS, PerSampleProductArguments)
{
    using namespace per_sample;
    SHARED(float, gradients, 2 * DEPTH * PER_SAMPLE_TILE);
    SHARED(float, inputs, 2 * DEPTH * PER_SAMPLE_TILE);

    // A warp's 32 x 64 part of the tile; lane l has outputs 4(l / 8) and 16 more, inputs 4(l % 8) and 32 more, four of each: the lanes
    // of a 16-byte shared load then ask for at most 128 different bytes.
    const int lane = (int)lane_id(), warp = (int)warp_id();
    const int output = 32 * (warp / 2) + 4 * (lane / 8), input = 64 * (warp % 2) + 4 * (lane % 8);

    float product[8][8], total[8][8];
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
#pragma unroll
        for (int j = 0; j < 8; j++) product[i][j] = total[i][j] = 0;
    }

    const int64_t first = (int64_t)blockIdx.z * arguments.rows_per_part;
    const int rows = arguments.rows - first < arguments.rows_per_part ? (int)(arguments.rows - first) : arguments.rows_per_part;
    int left = arguments.rows_per_sample; // rows of the sample at hand that are still to come
    Fetched next;
    fetch(next, arguments, first, rows);
    put(next, gradients, inputs);
    sync_threads();
    for (int done = 0, buffer = 0; done < rows; done += DEPTH, buffer ^= DEPTH * PER_SAMPLE_TILE)
    {
        const bool more = done + DEPTH < rows;
        if (more) fetch(next, arguments, first + done + DEPTH, rows - done - DEPTH); // on its way while this one is multiplied
        const int steps = more ? DEPTH : rows - done;
        for (int step = 0; step < steps;)
        {
            const int end = steps - step < left ? steps : step + left;
            left -= end - step;
            for (; step < end; step++)
                multiply(product, gradients + buffer + step * PER_SAMPLE_TILE + output, inputs + buffer + step * PER_SAMPLE_TILE + input);
            if (left == 0)
            {
                add_absolute(total, product);
                left = arguments.rows_per_sample;
            }
        }

        if (more)
        {
            const int other = buffer ^ (DEPTH * PER_SAMPLE_TILE);
            put(next, gradients + other, inputs + other);
            sync_threads();
        }
    }

    add_absolute(total, product); // what a last, shorter sample of absolute rows has left
    float* const target = arguments.target + blockIdx.z * arguments.part_stride;
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        const int row = PER_SAMPLE_TILE * (int)blockIdx.y + output + (i < 4 ? i : 12 + i), column = PER_SAMPLE_TILE * (int)blockIdx.x + input;
        if (row >= arguments.outputs) continue;
        float* const to = target + row * arguments.target_stride;
        store_totals(to, column, arguments.inputs, { total[i][0], total[i][1], total[i][2], total[i][3] }, arguments.accumulate);
        store_totals(to, column + 32, arguments.inputs, { total[i][4], total[i][5], total[i][6], total[i][7] }, arguments.accumulate);
    }
}
