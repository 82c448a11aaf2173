// Counts over flat vectors. Blocks write their counts, and sum_counts adds them up: nothing to clear before, no atomics.
//
//   count_signs: over up to 64 float32 vectors at once, of 256 threads, 8192 elements a block. 4 bytes an element and vector, each read
//       once in 16-byte accesses; about ten instructions for each value, a quarter of what a multiprocessor has at its share of the
//       bandwidth. With more vectors the host launches once for each 64 and carries one byte an element between launches.
//   count_zero_bytes: a byte mask, 256 threads, 32768 bytes a block in 16-byte accesses; four bytes are compared at a time.
//   sum_counts: one block; adds the blocks' counts in 64 bits.
// The passes read more than they compute and write almost nothing, and have 2048 * 16 bytes or more in flight on a multiprocessor.
#pragma once
#include "reduce.cuh"

constexpr int COUNT_THREADS = 256;

// What is counted together: a block's four counts are one 16-byte packet.
constexpr int COUNTERS = 4;

constexpr int SIGN_VECTORS = 64;
constexpr int SIGN_BLOCK = 8192;

// What has been seen of an element.
constexpr uint32_t SEEN_POSITIVE = 1, SEEN_NEGATIVE = 2, SEEN_SEVERAL = 4, SEEN_NONZERO = 8;

struct SignArguments
{
    const float* vectors[SIGN_VECTORS];
    uint8_t* seen;    // [length], where there are several launches
    Packet* counts;   // [ceil(length / SIGN_BLOCK)]: nonzero (NaN is), with one sign or more, with two values or more that have signs, with both signs
    int64_t length;
    int32_t count;    // of vectors in this launch
    uint8_t aligned;  // all vectors are aligned to 16 bytes
    uint8_t resumes;  // `seen` is read
    uint8_t goes_on;  // `seen` is written, and nothing is counted
    uint8_t padding;
};

DEVICE uint32_t look(uint32_t seen, float x)
{
    const uint32_t sign = x > 0 ? SEEN_POSITIVE : x < 0 ? SEEN_NEGATIVE : 0; // NaN has none
    if (sign != 0 && (seen & (SEEN_POSITIVE | SEEN_NEGATIVE)) != 0) seen |= SEEN_SEVERAL;
    return seen | sign | (x != 0 ? SEEN_NONZERO : 0);
}

KERNEL(count_signs, COUNT_THREADS, SignArguments)
{
    const int64_t length = arguments.length, end = ((int64_t)blockIdx.x + 1) * SIGN_BLOCK;
    uint32_t nonzero = 0, one = 0, several = 0, both = 0;
    for (int64_t i = end - SIGN_BLOCK + threadIdx.x * 4; i < end && i < length; i += COUNT_THREADS * 4)
    {
        const int width = length - i < 4 ? (int)(length - i) : 4;
        uint32_t seen[4] = { 0, 0, 0, 0 };
        if (arguments.resumes)
        {
#pragma unroll
            for (int j = 0; j < 4; j++) seen[j] = j < width ? arguments.seen[i + j] : 0;
        }

        if (arguments.aligned && width == 4)
        {
#pragma unroll 4
            for (int k = 0; k < arguments.count; k++)
            {
                const Vector4 x = load4(arguments.vectors[k] + i);
                seen[0] = look(seen[0], x.x);
                seen[1] = look(seen[1], x.y);
                seen[2] = look(seen[2], x.z);
                seen[3] = look(seen[3], x.w);
            }
        }
        else
        {
            for (int k = 0; k < arguments.count; k++)
            {
#pragma unroll
                for (int j = 0; j < 4; j++) seen[j] = look(seen[j], j < width ? arguments.vectors[k][i + j] : 0.0f);
            }
        }

        if (arguments.goes_on)
        {
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                if (j < width) arguments.seen[i + j] = (uint8_t)seen[j];
            }
        }

#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            nonzero += (seen[j] & SEEN_NONZERO) != 0;
            one += (seen[j] & (SEEN_POSITIVE | SEEN_NEGATIVE)) != 0;
            several += (seen[j] & SEEN_SEVERAL) != 0;
            both += (seen[j] & SEEN_POSITIVE) != 0 && (seen[j] & SEEN_NEGATIVE) != 0;
        }
    }

    if (arguments.goes_on) return;
    // At most 8192 each: two fit one word.
    const uint32_t low = block_sum<COUNT_THREADS>(nonzero | one << 16), high = block_sum<COUNT_THREADS>(several | both << 16);
    if (threadIdx.x == 0) arguments.counts[blockIdx.x] = { low & 0xFFFF, low >> 16, high & 0xFFFF, high >> 16 };
}

constexpr int ZERO_BYTES_BLOCK = 32 * 1024;

struct ZeroBytesArguments
{
    const uint8_t* bytes;
    Packet* counts;   // [ceil((length + 15) / ZERO_BYTES_BLOCK)]: zero bytes, and three zeros
    int64_t length;
};

// Of four bytes: bit 7 of those that are not zero.
DEVICE uint32_t nonzero_bytes(uint32_t word) { return ((word | ((word & 0x7F7F7F7F) + 0x7F7F7F7F)) & 0x80808080); }

KERNEL(count_zero_bytes, COUNT_THREADS, ZeroBytesArguments)
{
    // Packets start at the first 16-byte boundary at or before the vector; what lies outside is not read.
    const int64_t before = (int64_t)(reinterpret_cast<uintptr_t>(arguments.bytes) & 15);
    const int64_t block = (int64_t)blockIdx.x * ZERO_BYTES_BLOCK - before;
    uint32_t zeros = 0;
#pragma unroll 4
    for (int j = 0; j < ZERO_BYTES_BLOCK / (COUNT_THREADS * 16); j++)
    {
        const int64_t i = block + (j * COUNT_THREADS + (int)threadIdx.x) * 16;
        if (i >= 0 && i + 16 <= arguments.length)
        {
            const Packet p = load16(arguments.bytes + i);
            zeros += 16 - population(nonzero_bytes(p.x)) - population(nonzero_bytes(p.y)) - population(nonzero_bytes(p.z)) - population(nonzero_bytes(p.w));
        }
        else
        {
            for (int k = 0; k < 16; k++) zeros += i + k >= 0 && i + k < arguments.length && arguments.bytes[i + k] == 0;
        }
    }

    zeros = block_sum<COUNT_THREADS>(zeros);
    if (threadIdx.x == 0) arguments.counts[blockIdx.x] = { zeros, 0, 0, 0 };
}

struct SumCountsArguments
{
    const Packet* counts; // [blocks]
    int64_t* sums;        // [COUNTERS]
    int64_t blocks;
};

KERNEL(sum_counts, COUNT_THREADS, SumCountsArguments)
{
    int64_t sums[COUNTERS] = { 0, 0, 0, 0 };
#pragma unroll 8
    for (int64_t i = threadIdx.x; i < arguments.blocks; i += COUNT_THREADS)
    {
        const Packet p = load16(arguments.counts + i);
        sums[0] += p.x;
        sums[1] += p.y;
        sums[2] += p.z;
        sums[3] += p.w;
    }

#pragma unroll
    for (int j = 0; j < COUNTERS; j++)
    {
        const int64_t sum = block_sum<COUNT_THREADS>(sums[j]);
        if (threadIdx.x == 0) arguments.sums[j] = sum;
    }
}
