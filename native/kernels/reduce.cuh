// Reductions over a warp and over a block, in trees that the code fixes: results depend neither on the card nor on scheduling.
// Every thread gets the result, the same bits in all of them.
#pragma once
#include "platform.cuh"

// The larger of two; a NaN loses against a number, in either place.
template <class T> DEVICE T larger(T a, T b) { return b > a || a != a ? b : a; }

// The smaller of two; a NaN loses against a number, in either place.
template <class T> DEVICE T smaller(T a, T b) { return b < a || a != a ? b : a; }

// Sum over groups of WIDTH neighbouring lanes (a power of two; 32 is the whole warp): lanes are halved, lane i + lane (i ^ half).
// The whole warp takes part. float, double, int32_t, uint32_t, int64_t, uint64_t.
template <int WIDTH = 32, class T> DEVICE T warp_sum(T value)
{
    static_assert(WIDTH > 0 && WIDTH <= 32 && (WIDTH & (WIDTH - 1)) == 0, "a group of lanes is a power of two");
#pragma unroll
    for (unsigned half = WIDTH / 2; half > 0; half /= 2) value += shuffle_xor(value, half);
    return value;
}

// Maximum over groups of WIDTH neighbouring lanes; NaN only where there is nothing else.
template <int WIDTH = 32, class T> DEVICE T warp_max(T value)
{
    static_assert(WIDTH > 0 && WIDTH <= 32 && (WIDTH & (WIDTH - 1)) == 0, "a group of lanes is a power of two");
#pragma unroll
    for (unsigned half = WIDTH / 2; half > 0; half /= 2) value = larger(value, shuffle_xor(value, half));
    return value;
}

// Sum over a block of THREADS threads (a multiple of 32): each warp halves its lanes, then the warps' sums are added in order.
// Two barriers; may be called again at once.
template <int THREADS, class T> DEVICE T block_sum(T value)
{
    static_assert(THREADS % 32 == 0 && THREADS <= 1024, "a block is whole warps");
    value = warp_sum(value);
    if (THREADS == 32) return value;
    SHARED(T, sums, THREADS / 32);
    sync_threads(); // Those who still read the sums of the call before.
    if (lane_id() == 0) sums[warp_id()] = value;
    sync_threads();
    T total = sums[0];
#pragma unroll
    for (int warp = 1; warp < THREADS / 32; warp++) total += sums[warp];
    return total;
}

// Maximum over a block of THREADS threads; NaN only where there is nothing else. Two barriers; may be called again at once.
template <int THREADS, class T> DEVICE T block_max(T value)
{
    static_assert(THREADS % 32 == 0 && THREADS <= 1024, "a block is whole warps");
    value = warp_max(value);
    if (THREADS == 32) return value;
    SHARED(T, maxima, THREADS / 32);
    sync_threads();
    if (lane_id() == 0) maxima[warp_id()] = value;
    sync_threads();
    T most = maxima[0];
#pragma unroll
    for (int warp = 1; warp < THREADS / 32; warp++) most = larger(most, maxima[warp]);
    return most;
}

// Sum over the threads before this one, which is 0 in thread 0; `total` is the sum over the block. For integers. Two barriers.
template <int THREADS, class T> DEVICE T block_sum_before(T value, T& total)
{
    static_assert(THREADS % 32 == 0 && THREADS <= 1024, "a block is whole warps");
    SHARED(T, sums, THREADS / 32);
    T through = value; // Inclusive sum over the warp.
#pragma unroll
    for (unsigned step = 1; step < 32; step *= 2)
    {
        const T below = shuffle(through, lane_id() >= step ? lane_id() - step : lane_id());
        if (lane_id() >= step) through += below;
    }

    sync_threads();
    if (lane_id() == 31) sums[warp_id()] = through;
    sync_threads();
    T before = through - value;
    total = 0;
#pragma unroll
    for (int warp = 0; warp < THREADS / 32; warp++)
    {
        if (warp < (int)warp_id()) before += sums[warp];
        total += sums[warp];
    }

    return before;
}
