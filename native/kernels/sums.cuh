// Sums over flat float32 vectors in float64, to the bit those of the CPU device (Cpu/Vectors/Reduction.cs) on every card: element i of a
// block of 16,384 is added to chain i mod 16, the 16 chains are halved four times, and the blocks' sums are added in pairs.
//
//   sum_products, sum_squares, sum_elements, sum_magnitudes: sums[w] <- the sum over blocks 2w and 2w + 1; one warp each, so
//       grid = ceil(length / 32768) blocks of one warp. 4 bytes an element and vector.
//   add_in_pairs: result[t] <- the pair tree over sums[4096 t .. 4096 t + 4095]; grid = ceil(count / 4096). Launched until one is left.
//
// A warp keeps 32 chains, 16 in each of two blocks, so each of its loads covers two whole 64-byte pieces at any alignment of 4 bytes, and
// it asks for 32 of them (4 KiB) before it adds the first. A multiprocessor holds 16 to 32 such warps, 64 KiB or more in flight, more than
// the latency of memory times its share of the bandwidth (25 KB a microsecond on an H100), so the loads need not be wider to keep
// the memory busy; the adder chains take 1024 * 8 cycles, a twentieth of the time at 100 million elements. That is why this
// should reach 92 % of a copy's rate from some ten million elements on; below, it is the latency of 32 rounds, about 25 microseconds.
#pragma once
#include "platform.cuh"

constexpr int SUM_BLOCK = 16 * 1024;   // Ranges.Sum
constexpr int SUM_CHAINS = 16;         // Reduction.Lanes
constexpr int SUM_AHEAD = 32;          // loads in flight of a lane

struct SumArguments
{
    const float* a;
    const float* b;   // sum_products only
    double* sums;     // [ceil(length / (2 * SUM_BLOCK))]
    int64_t length;
};

struct ProductTerm { static constexpr bool unary = false; static DEVICE double of(double a, double b) { return a * b; } };
struct SquareTerm { static constexpr bool unary = true; static DEVICE double of(double a, double) { return a * a; } };
struct ElementTerm { static constexpr bool unary = true; static DEVICE double of(double a, double) { return a; } };
struct MagnitudeTerm { static constexpr bool unary = true; static DEVICE double of(double a, double) { return a < 0 ? -a : a; } };

// The sum of the elements of one chain of one block. Products of two float32 are exact in float64, so there is nothing to fuse.
template <class Term> DEVICE double sum_chain(const float* a, const float* b, int64_t length)
{
    double sum = 0;
    if (length >= SUM_BLOCK)
    {
        for (int i = 0; i < SUM_BLOCK; i += SUM_AHEAD * SUM_CHAINS)
        {
            float x[SUM_AHEAD], y[SUM_AHEAD];
#pragma unroll
            for (int j = 0; j < SUM_AHEAD; j++)
            {
                x[j] = a[i + j * SUM_CHAINS];
                y[j] = Term::unary ? x[j] : b[i + j * SUM_CHAINS];
            }

#pragma unroll
            for (int j = 0; j < SUM_AHEAD; j++) sum += Term::of(x[j], y[j]);
        }
    }
    else
    {
        // `length` counts from this chain's first element.
        for (int i = 0; i < length; i += SUM_CHAINS) sum += Term::of(a[i], Term::unary ? a[i] : b[i]);
    }

    return sum;
}

template <class Term> DEVICE void sum_two_blocks(const float* a, const float* b, double* sums, int64_t length)
{
    const unsigned chain = lane_id() % SUM_CHAINS;
    const int64_t first = ((int64_t)blockIdx.x * 2 + lane_id() / SUM_CHAINS) * SUM_BLOCK;
    // A full block counts as SUM_BLOCK in all its chains, the last one as what lies before its end.
    const int64_t left = length - first >= SUM_BLOCK ? SUM_BLOCK : length - first - chain;
    double sum = sum_chain<Term>(a + first + chain, Term::unary ? nullptr : b + first + chain, left);
#pragma unroll
    for (unsigned half = SUM_CHAINS / 2; half > 0; half /= 2) sum += shuffle_xor(sum, half);
    sum += shuffle_xor(sum, SUM_CHAINS); // A block that does not exist has the sum +0, which changes no sum: none is -0.
    if (lane_id() == 0) sums[blockIdx.x] = sum;
}

KERNEL(sum_products, 32, SumArguments) { sum_two_blocks<ProductTerm>(arguments.a, arguments.b, arguments.sums, arguments.length); }

KERNEL(sum_squares, 32, SumArguments) { sum_two_blocks<SquareTerm>(arguments.a, nullptr, arguments.sums, arguments.length); }

KERNEL(sum_elements, 32, SumArguments) { sum_two_blocks<ElementTerm>(arguments.a, nullptr, arguments.sums, arguments.length); }

KERNEL(sum_magnitudes, 32, SumArguments) { sum_two_blocks<MagnitudeTerm>(arguments.a, nullptr, arguments.sums, arguments.length); }

constexpr int PAIR_THREADS = 512;
constexpr int PAIR_PER_THREAD = 8;

struct PairArguments
{
    const double* sums; // [count]
    double* result;     // [ceil(count / 4096)], or one +0 for count 0
    int64_t count;
};

KERNEL(add_in_pairs, PAIR_THREADS, PairArguments)
{
    const int64_t first = ((int64_t)blockIdx.x * PAIR_THREADS + threadIdx.x) * PAIR_PER_THREAD;
    double node[PAIR_PER_THREAD];
#pragma unroll
    for (int j = 0; j < PAIR_PER_THREAD; j++) node[j] = first + j < arguments.count ? arguments.sums[first + j] : 0.0;
#pragma unroll
    for (int step = 1; step < PAIR_PER_THREAD; step *= 2)
    {
#pragma unroll
        for (int j = 0; j < PAIR_PER_THREAD; j += 2 * step) node[j] += node[j + step];
    }

    double sum = node[0];
#pragma unroll
    for (unsigned step = 1; step < 32; step *= 2) sum += shuffle_xor(sum, step);
    SHARED(double, sums, PAIR_THREADS / 32);
    if (lane_id() == 0) sums[warp_id()] = sum;
    sync_threads();
    if (threadIdx.x != 0) return;
    double warps[PAIR_THREADS / 32];
#pragma unroll
    for (int j = 0; j < PAIR_THREADS / 32; j++) warps[j] = sums[j];
#pragma unroll
    for (int step = 1; step < PAIR_THREADS / 32; step *= 2)
    {
#pragma unroll
        for (int j = 0; j < PAIR_THREADS / 32; j += 2 * step) warps[j] += warps[j + step];
    }

    arguments.result[blockIdx.x] = warps[0];
}
