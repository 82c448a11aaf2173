// dW += the sum over samples s of |dY_s^T X_s| on the tensor cores: inputs in TF32 or bfloat16, sums in float32.
//
//   Shapes, parts and arguments as in per_sample_product.cuh; the two kernels differ in the number format alone.
//   Launch: per_sample_product_tf32 or _bf16, grid (ceil(inputs / 128), ceil(outputs / 128), parts) of 256 threads.
//
// A block owns a 128 x 128 tile of dW, a warp 64 x 32 of it: 4 x 4 matrix instructions of 16 x 8, with two sets of 64 accumulators a
// lane, one for the sample at hand and one for the sum of absolute values.
//
// Shared memory holds 32-bit words as the instructions want them: one TF32 number, or two bfloat16 numbers of consecutive rows. TF32 rounds
// on the way from global to shared memory; bfloat16 reads copies that round_inputs_bf16 made (rows of a multiple of 8 numbers, zeros at their
// end), which halves its traffic. An instruction takes 8 rows of words: 8 rows of a sample in TF32, 16 in bfloat16. Rows beyond a sample's end
// are zeros, since an instruction must not mix samples: samples of 17, 50 and 197 rows do 24, 56, 200 rows of work in TF32 and 32, 64, 208 in
// bfloat16.
//
// A product does not care which of its rows an instruction calls row 0: columns of dY and X are dealt to fragments so that a lane finds
// its words side by side. Fragments then come by 16-byte shared loads, and rows that are 8 words longer than the tile keep them free of
// bank conflicts. 24 * 128 bytes of shared memory feed 16 instructions of a warp, so a multiprocessor is at most at 16 * 2048 / 24 = 1365
// bfloat16 (683 TF32) multiply-adds a cycle: beyond an A100's peak, two thirds of an H100's, where mma.sync itself ends near there.
//
// A full tile does 64 FLOP a byte of L2 traffic in bfloat16 and 32 in TF32, so some 5 TB/s of an H100's L2 allow 320 and 160 TFLOP/s: that
// is what bounds it.
#pragma once
#include "per_sample_product.cuh"

namespace per_sample_mma {

constexpr int WORD_ROWS = 16;                 // rows of words in shared memory at a time: two instructions deep
constexpr int STEP = 8;                       // rows of words an instruction takes
constexpr int PITCH = PER_SAMPLE_TILE + 8;    // words from one row to the next
constexpr int BUFFER = WORD_ROWS * PITCH;
constexpr int WARPS = PER_SAMPLE_THREADS / 32;
constexpr int FETCHES = WORD_ROWS / WARPS;

struct Tf32
{
    static constexpr int ROWS = 1; // in a word

    struct Fetched { Vector4 gradient[FETCHES], input[FETCHES]; };

    // A warp brings whole rows of the tile, lane l columns 4l to 4l + 3; rows from `rows` on are zeros.
    static DEVICE void fetch(Fetched& fetched, const PerSampleProductArguments& arguments, int64_t row, int rows)
    {
        const int column = 4 * (int)lane_id();
        const int output = PER_SAMPLE_TILE * (int)blockIdx.y + column, input = PER_SAMPLE_TILE * (int)blockIdx.x + column;
#pragma unroll
        for (int i = 0; i < FETCHES; i++)
        {
            const int r = (int)warp_id() + i * WARPS;
            fetched.gradient[i] = per_sample::load_row(
                arguments.output_gradient, arguments.output_gradient_stride, row + r, r < rows, output, arguments.outputs, arguments);
            fetched.input[i] = per_sample::load_row(arguments.input, arguments.input_stride, row + r, r < rows, input, arguments.inputs, arguments);
        }
    }

    static DEVICE Packet words(Vector4 v) { return { to_tf32(v.x), to_tf32(v.y), to_tf32(v.z), to_tf32(v.w) }; }

    static DEVICE void put(const Fetched& fetched, uint32_t* gradients, uint32_t* inputs)
    {
#pragma unroll
        for (int i = 0; i < FETCHES; i++)
        {
            const int place = ((int)warp_id() + i * WARPS) * PITCH + 4 * (int)lane_id();
            store16(gradients + place, words(fetched.gradient[i]));
            store16(inputs + place, words(fetched.input[i]));
        }
    }

    static DEVICE void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_tf32_16x8x8(d, a, b); }
};

struct Bf16
{
    static constexpr int ROWS = 2;

    struct Fetched { Packet gradient[2], input[2]; }; // eight columns of both rows of a word

    static DEVICE Packet load(const void* matrix, int64_t stride, int64_t row, bool there, int column, int32_t absolute)
    {
        if (!there || column >= stride) return { 0, 0, 0, 0 };
        Packet p = load16(static_cast<const uint16_t*>(matrix) + row * stride + column);
        const uint32_t keep = absolute ? 0x7fff7fffu : 0xffffffffu;
        return { p.x & keep, p.y & keep, p.z & keep, p.w & keep };
    }

    // Half a warp brings a row of words, a lane eight columns; rows from `rows` on are zeros.
    static DEVICE void fetch(Fetched& fetched, const PerSampleProductArguments& arguments, int64_t row, int rows)
    {
        const int r = 2 * word_row(), column = 8 * ((int)lane_id() % 16);
        const int output = PER_SAMPLE_TILE * (int)blockIdx.y + column, input = PER_SAMPLE_TILE * (int)blockIdx.x + column;
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            fetched.gradient[i] = load(
                arguments.output_gradient, arguments.output_gradient_stride, row + r + i, r + i < rows, output, arguments.absolute_inputs);
            fetched.input[i] = load(arguments.input, arguments.input_stride, row + r + i, r + i < rows, input, arguments.absolute_inputs);
        }
    }

    static DEVICE int word_row() { return 2 * (int)warp_id() + (int)lane_id() / 16; }

    // Two columns of two rows become two words.
    static DEVICE uint32_t low(uint32_t upper, uint32_t lower) { return (upper & 0xffffu) | lower << 16; }
    static DEVICE uint32_t high(uint32_t upper, uint32_t lower) { return upper >> 16 | (lower & 0xffff0000u); }

    static DEVICE void put_words(uint32_t* to, const Packet (&rows)[2])
    {
        const Packet a = rows[0], b = rows[1];
        store16(to, { low(a.x, b.x), high(a.x, b.x), low(a.y, b.y), high(a.y, b.y) });
        store16(to + 4, { low(a.z, b.z), high(a.z, b.z), low(a.w, b.w), high(a.w, b.w) });
    }

    static DEVICE void put(const Fetched& fetched, uint32_t* gradients, uint32_t* inputs)
    {
        const int place = word_row() * PITCH + 8 * ((int)lane_id() % 16);
        put_words(gradients + place, fetched.gradient);
        put_words(inputs + place, fetched.input);
    }

    static DEVICE void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_bf16_16x8x16(d, a, b); }
};
static_assert(WORD_ROWS == 2 * WARPS && PER_SAMPLE_TILE == 16 * 8, "Bf16 brings everything at once");

// product += eight rows of words. Row g (and g + 8) of instruction row 2p + q of a warp is output 32p + 4g + 2q (and one more); column c
// of instruction column j is input 4c + j. The pointers are to the lane's first word.
template <class Format> DEVICE void multiply(float (&product)[4][4][4], const uint32_t* gradients, const uint32_t* inputs)
{
    const Packet low0 = load16(gradients), low1 = load16(gradients + 32);
    const Packet high0 = load16(gradients + 4 * PITCH), high1 = load16(gradients + 4 * PITCH + 32);
    const Packet low = load16(inputs), high = load16(inputs + 4 * PITCH);
    const uint32_t a[4][4] = {
        { low0.x, low0.y, high0.x, high0.y }, { low0.z, low0.w, high0.z, high0.w },
        { low1.x, low1.y, high1.x, high1.y }, { low1.z, low1.w, high1.z, high1.w } };
    const uint32_t b[4][2] = { { low.x, high.x }, { low.y, high.y }, { low.z, high.z }, { low.w, high.w } };
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
#pragma unroll
        for (int j = 0; j < 4; j++) Format::multiply(product[i][j], a[i], b[j]);
    }
}

DEVICE void add_absolute(float (&total)[4][4][4], float (&product)[4][4][4])
{
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
#pragma unroll
            for (int e = 0; e < 4; e++)
            {
                total[i][j][e] += magnitude(product[i][j][e]);
                product[i][j][e] = 0;
            }
        }
    }
}

// Where a block stands in its part: rows [row, row + rows) of one sample come next.
template <class Format> struct Place
{
    int64_t sample, end; // first row of the sample, last row of the part
    int offset, length;  // rows of the sample that are done, and all of them

    DEVICE void start(const PerSampleProductArguments& arguments, int64_t first)
    {
        sample = first;
        offset = 0;
        length = end - first < arguments.rows_per_sample ? (int)(end - first) : arguments.rows_per_sample;
    }

    DEVICE int rows() const { return length - offset < WORD_ROWS * Format::ROWS ? length - offset : WORD_ROWS * Format::ROWS; }
    DEVICE bool ends_sample() const { return offset + rows() == length; }
    DEVICE bool ends_part() const { return sample + offset + rows() >= end; }

    DEVICE void advance(const PerSampleProductArguments& arguments)
    {
        if (ends_sample()) start(arguments, sample + length);
        else offset += WORD_ROWS * Format::ROWS;
    }
};

template <class Format> DEVICE void run(const PerSampleProductArguments& arguments, uint32_t* gradients, uint32_t* inputs)
{
    const int lane = (int)lane_id(), warp = (int)warp_id(), group = lane / 4, quarter = lane % 4;
    const int output = 64 * (warp / 4), input = 32 * (warp % 4);
    const int first_gradient = quarter * PITCH + output + 4 * group, first_input = quarter * PITCH + input + 4 * group;

    float product[4][4][4], total[4][4][4];
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
#pragma unroll
            for (int e = 0; e < 4; e++) product[i][j][e] = total[i][j][e] = 0;
        }
    }

    Place<Format> place;
    const int64_t first = (int64_t)blockIdx.z * arguments.rows_per_part;
    place.end = arguments.rows - first < arguments.rows_per_part ? arguments.rows : first + arguments.rows_per_part;
    place.start(arguments, first);
    typename Format::Fetched next;
    Format::fetch(next, arguments, first, place.rows());
    Format::put(next, gradients, inputs);
    sync_threads();
    for (int buffer = 0;; buffer = BUFFER - buffer)
    {
        const bool last = place.ends_part(), folds = place.ends_sample();
        const int rows = place.rows();
        place.advance(arguments);
        if (!last) Format::fetch(next, arguments, place.sample + place.offset, place.rows()); // on its way while this one is multiplied
        multiply<Format>(product, gradients + buffer + first_gradient, inputs + buffer + first_input);
        if (rows > STEP * Format::ROWS)
            multiply<Format>(product, gradients + buffer + STEP * PITCH + first_gradient, inputs + buffer + STEP * PITCH + first_input);
        if (folds) add_absolute(total, product);
        if (last) break;
        Format::put(next, gradients + BUFFER - buffer, inputs + BUFFER - buffer);
        sync_threads();
    }

    // Accumulators 0 and 1 (2 and 3) are columns 2 quarter and 2 quarter + 1 of instruction row `group` (`group` + 8).
    float* const target = arguments.target + blockIdx.z * arguments.part_stride;
    const int column = PER_SAMPLE_TILE * (int)blockIdx.x + input + 8 * quarter;
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
#pragma unroll
        for (int half = 0; half < 2; half++)
        {
            const int row = PER_SAMPLE_TILE * (int)blockIdx.y + output + 32 * (i / 2) + 4 * group + 2 * (i % 2) + half;
            if (row >= arguments.outputs) continue;
            float* const to = target + row * arguments.target_stride;
#pragma unroll
            for (int e = 0; e < 2; e++)
            {
                per_sample::store_totals(
                    to, column + 4 * e, arguments.inputs,
                    { total[i][0][2 * half + e], total[i][1][2 * half + e], total[i][2][2 * half + e], total[i][3][2 * half + e] }, arguments.accumulate);
            }
        }
    }
}

} // namespace per_sample_mma

KERNEL(per_sample_product_tf32, PER_SAMPLE_THREADS, PerSampleProductArguments)
{
    SHARED(uint32_t, gradients, 2 * per_sample_mma::BUFFER);
    SHARED(uint32_t, inputs, 2 * per_sample_mma::BUFFER);
    per_sample_mma::run<per_sample_mma::Tf32>(arguments, gradients, inputs);
}

KERNEL(per_sample_product_bf16, PER_SAMPLE_THREADS, PerSampleProductArguments)
{
    SHARED(uint32_t, gradients, 2 * per_sample_mma::BUFFER);
    SHARED(uint32_t, inputs, 2 * per_sample_mma::BUFFER);
    per_sample_mma::run<per_sample_mma::Bf16>(arguments, gradients, inputs);
}
