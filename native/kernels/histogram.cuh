// One digit of a radix selection: of the elements whose key starts with a known prefix, how many there are with each next digit.
//
//   count_magnitude_digits, count_key_digits: digits of up to 13 bits. 512 threads; a block counts in shared memory and adds its
//       counters to counts[] at the end, so any number of blocks gives the same counts: as many as are resident at once are launched,
//       and each goes over the vector in steps of the grid. 8192 shared counters, of which a digit of d bits has 2^(13 - d) copies that
//       neighbouring lanes take turns with, at neighbouring places: neighbours often share a digit.
//   count_magnitude_digits_directly, count_key_digits_directly: larger digits, in device memory.
//
// counts[] is 64 bits wide and cleared by the host; integers alone are added atomically, so the order does not show.
// 4 (or 8) bytes an element, read once in 16-byte accesses, two at a time: 2048 threads * 32 bytes in flight. A thread keeps a run of equal
// digits to itself, so a vector of zeros costs one atomic a thread; for weights of a network the first digit (exponent and three bits)
// takes about 30 common values, four of a warp's 32 in conflict at most in four copies; in later passes almost no element counts. So
// memory's rate is the limit.
#pragma once
#include "keys.cuh"

constexpr int HISTOGRAM_THREADS = 512;
constexpr int HISTOGRAM_COUNTERS = 8192;

template <class Keys> struct HistogramArguments
{
    const typename Keys::Number* values;
    unsigned long long* counts; // [2^digit_bits]
    int64_t length;
    typename Keys::Bits prefix;
    int32_t prefix_shift;       // of a key, to leave its prefix: 31 or 63 less the prefix's bits
    int32_t digit_shift;        // of a key, to have the digit at the bottom
    int32_t digit_bits;
    int32_t aligned;            // values are aligned to 16 bytes
};

// Collects runs of equal digits of one thread.
struct DigitRun
{
    uint32_t digit, length;

    template <class Counter> DEVICE void add(uint32_t next, const Counter& counter)
    {
        if (next != digit && length != 0)
        {
            counter.add(digit, length);
            length = 0;
        }

        digit = next;
        length++;
    }

    template <class Counter> DEVICE void finish(const Counter& counter) const
    {
        if (length != 0) counter.add(digit, length);
    }
};

struct SharedCounter
{
    uint32_t* counters;
    uint32_t copy_bits, copy;
    DEVICE void add(uint32_t digit, uint32_t count) const { atomic_add(&counters[digit << copy_bits | copy], count); }
};

struct DeviceCounter
{
    unsigned long long* counters;
    DEVICE void add(uint32_t digit, uint32_t count) const { atomic_add(&counters[digit], (unsigned long long)count); }
};

template <class Keys, class Counter> DEVICE void count_digits(const HistogramArguments<Keys>& arguments, const Counter& counter)
{
    constexpr int AT_A_TIME = 2;
    const typename Keys::Number* const values = arguments.values;
    const int64_t length = arguments.length, step = (int64_t)gridDim.x * HISTOGRAM_THREADS * Keys::PER_PACKET;
    const uint32_t digits = (1u << arguments.digit_bits) - 1;
    DigitRun run = { 0, 0 };
    for (int64_t first = ((int64_t)blockIdx.x * HISTOGRAM_THREADS + threadIdx.x) * Keys::PER_PACKET; first < length; first += AT_A_TIME * step)
    {
        typename Keys::Number x[AT_A_TIME][Keys::PER_PACKET];
        int count[AT_A_TIME];
#pragma unroll
        for (int p = 0; p < AT_A_TIME; p++)
            count[p] = first + p * step < length ? load_keys<Keys>(values, first + p * step, length, arguments.aligned, x[p]) : 0;
#pragma unroll
        for (int p = 0; p < AT_A_TIME; p++)
        {
#pragma unroll
            for (int j = 0; j < Keys::PER_PACKET; j++)
            {
                if (j >= count[p]) break;
                const typename Keys::Bits key = Keys::bits(x[p][j]);
                if (Keys::counts(x[p][j], key) && key >> arguments.prefix_shift == arguments.prefix)
                    run.add((uint32_t)(key >> arguments.digit_shift) & digits, counter);
            }
        }
    }

    run.finish(counter);
}

template <class Keys> DEVICE void count_digits_in_shared_memory(const HistogramArguments<Keys>& arguments)
{
    SHARED(uint32_t, counters, HISTOGRAM_COUNTERS);
    for (int i = threadIdx.x; i < HISTOGRAM_COUNTERS; i += HISTOGRAM_THREADS) counters[i] = 0;
    sync_threads();
    int copy_bits = 0;
    while ((HISTOGRAM_COUNTERS >> copy_bits) > (1 << arguments.digit_bits) && copy_bits < 5) copy_bits++;
    count_digits(arguments, SharedCounter { counters, (uint32_t)copy_bits, lane_id() & ((1u << copy_bits) - 1) });
    sync_threads();
    for (int digit = threadIdx.x; digit < 1 << arguments.digit_bits; digit += HISTOGRAM_THREADS)
    {
        uint32_t sum = 0;
        for (int copy = 0; copy < 1 << copy_bits; copy++) sum += counters[digit << copy_bits | copy];
        if (sum != 0) atomic_add(&arguments.counts[digit], (unsigned long long)sum);
    }
}

KERNEL(count_magnitude_digits, HISTOGRAM_THREADS, HistogramArguments<MagnitudeKeys>) { count_digits_in_shared_memory<MagnitudeKeys>(arguments); }

KERNEL(count_key_digits, HISTOGRAM_THREADS, HistogramArguments<DoubleKeys>) { count_digits_in_shared_memory<DoubleKeys>(arguments); }

KERNEL(count_magnitude_digits_directly, HISTOGRAM_THREADS, HistogramArguments<MagnitudeKeys>)
{
    count_digits<MagnitudeKeys>(arguments, DeviceCounter { arguments.counts });
}

KERNEL(count_key_digits_directly, HISTOGRAM_THREADS, HistogramArguments<DoubleKeys>)
{
    count_digits<DoubleKeys>(arguments, DeviceCounter { arguments.counts });
}
