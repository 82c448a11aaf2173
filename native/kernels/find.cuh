// Where the element number `ordinal` stands among those that equal a key, by index: the last step of a radix selection with ties.
//
//   count_equal_magnitudes, count_equal_keys: counts[b] <- equal elements of block b; 256 threads, 8192 elements a block; 4 (or 8) bytes an
//       element, read once in 16-byte accesses, eight at a time, almost nothing computed or written: a copy's rate.
//   find_magnitude, find_key: one block; adds the counts up to the one that holds the ordinal and reads that block of elements once more.
//       result[0] <- the index, or -1; result[1] <- how many are equal, as far as counted: all of them if the index is -1.
#pragma once
#include "keys.cuh"
#include "reduce.cuh"

constexpr int FIND_BLOCK = 8192;
constexpr int FIND_COUNT_THREADS = 256;
constexpr int FIND_THREADS = 512;
constexpr int FIND_COUNTS_PER_THREAD = 8;

template <class Keys> struct FindArguments
{
    const typename Keys::Number* values;
    uint32_t* counts;               // [ceil(length / FIND_BLOCK)]
    int64_t* result;                // [2]
    int64_t length;
    int64_t ordinal;                // negative: nothing is found, all are counted
    typename Keys::Number wanted;
    int32_t aligned;                // values are aligned to 16 bytes
};

template <class Keys> DEVICE void count_equal(const FindArguments<Keys>& arguments)
{
    const int64_t block = (int64_t)blockIdx.x * FIND_BLOCK;
    uint32_t equal = 0;
#pragma unroll 8
    for (int j = 0; j < FIND_BLOCK / (FIND_COUNT_THREADS * Keys::PER_PACKET); j++)
    {
        const int64_t i = block + (j * FIND_COUNT_THREADS + (int)threadIdx.x) * Keys::PER_PACKET;
        if (i >= arguments.length) break;
        typename Keys::Number x[Keys::PER_PACKET];
        const int count = load_keys<Keys>(arguments.values, i, arguments.length, arguments.aligned, x);
#pragma unroll
        for (int k = 0; k < Keys::PER_PACKET; k++) equal += k < count && Keys::equal(x[k], arguments.wanted);
    }

    equal = block_sum<FIND_COUNT_THREADS>(equal);
    if (threadIdx.x == 0) arguments.counts[blockIdx.x] = equal;
}

// Whether number `ordinal` is one of the `count` elements that have `before` elements before them.
DEVICE bool holds(int64_t ordinal, uint32_t before, uint32_t count) { return ordinal >= before && ordinal < (int64_t)before + count; }

template <class Keys> DEVICE void find_equal(const FindArguments<Keys>& arguments)
{
    SHARED(int64_t, found, 2); // Block, and the ordinal in it.
    const int64_t blocks = (arguments.length + FIND_BLOCK - 1) / FIND_BLOCK;
    int64_t ordinal = arguments.ordinal, counted = 0;
    int64_t tile = 0;
    for (; tile < blocks; tile += FIND_THREADS * FIND_COUNTS_PER_THREAD)
    {
        const int64_t first = tile + threadIdx.x * FIND_COUNTS_PER_THREAD;
        uint32_t counts[FIND_COUNTS_PER_THREAD], mine = 0, total;
#pragma unroll
        for (int j = 0; j < FIND_COUNTS_PER_THREAD; j++)
        {
            counts[j] = first + j < blocks ? arguments.counts[first + j] : 0;
            mine += counts[j];
        }

        uint32_t before = block_sum_before<FIND_THREADS>(mine, total);
        if (ordinal >= 0 && ordinal < total)
        {
            // One thread alone owns the ordinal.
            if (holds(ordinal, before, mine))
            {
#pragma unroll
                for (int j = 0; j < FIND_COUNTS_PER_THREAD; j++)
                {
                    if (holds(ordinal, before, counts[j]))
                    {
                        found[0] = first + j;
                        found[1] = ordinal - before;
                    }

                    before += counts[j];
                }
            }

            break; // All threads do.
        }

        ordinal -= total;
        counted += total;
    }

    if (tile >= blocks)
    {
        if (threadIdx.x == 0)
        {
            arguments.result[0] = -1;
            arguments.result[1] = counted;
        }

        return;
    }

    sync_threads();
    constexpr int PER_THREAD = FIND_BLOCK / FIND_THREADS;
    const int64_t first = found[0] * FIND_BLOCK + threadIdx.x * PER_THREAD;
    uint32_t mine = 0, total;
    for (int j = 0; j < PER_THREAD; j++) mine += first + j < arguments.length && Keys::equal(arguments.values[first + j], arguments.wanted);
    uint32_t before = block_sum_before<FIND_THREADS>(mine, total);
    if (!holds(found[1], before, mine)) return;
    for (int64_t i = first;; i++)
    {
        if (Keys::equal(arguments.values[i], arguments.wanted) && before++ == found[1])
        {
            arguments.result[0] = i;
            arguments.result[1] = arguments.ordinal + 1;
            return;
        }
    }
}

KERNEL(count_equal_magnitudes, FIND_COUNT_THREADS, FindArguments<MagnitudeKeys>) { count_equal<MagnitudeKeys>(arguments); }

KERNEL(count_equal_keys, FIND_COUNT_THREADS, FindArguments<DoubleKeys>) { count_equal<DoubleKeys>(arguments); }

KERNEL(find_magnitude, FIND_THREADS, FindArguments<MagnitudeKeys>) { find_equal<MagnitudeKeys>(arguments); }

KERNEL(find_key, FIND_THREADS, FindArguments<DoubleKeys>) { find_equal<DoubleKeys>(arguments); }
