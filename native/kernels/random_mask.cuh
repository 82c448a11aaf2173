// mask[i] = 1 where word (first + i) of a Philox stream is below a limit, else 0: word w of a counter belongs to element 4 counter + w,
// so a mask is the same however it is cut.
// Bytes an element: 1, stored 16 at a time; 16 elements take four counters, or five where `first` and the address have different
// phases. Ten rounds of two 32x32-bit products a counter make this the one pass here that arithmetic bounds: about 15 instructions an
// element against 1 byte (on an H100 about 2.5 TB/s of masks, a third of what a merge of two vectors moves meanwhile).
// Grid: 4096 elements a block of 256 threads, counted from the first address that is a multiple of 16.
#pragma once
#include "philox.cuh"

struct RandomMaskArguments
{
    uint8_t* mask;
    int64_t length;
    uint64_t first; // global index of mask[0]
    uint64_t key;
    uint32_t last;  // largest word that keeps its element
    int32_t none;   // 1: no word does
    int32_t head;   // elements before the first aligned address, 0 ... 15
    int32_t unused;
};

constexpr int RANDOM_MASK_THREADS = 256;

// Bit e: whether element `index` + e is kept; 16 elements.
DEVICE uint32_t kept_bits(const RandomMaskArguments& arguments, uint64_t index)
{
    const uint32_t phase = (uint32_t)index & 3u;
    uint32_t bits = 0;
#pragma unroll
    for (uint32_t n = 0; n < 5; n++)
    {
        if (n == 4 && phase == 0) break;
        const PhiloxWords words = philox(arguments.key, 0, (index >> 2) + n);
#pragma unroll
        for (uint32_t w = 0; w < 4; w++) bits |= (words.at[w] <= arguments.last ? 1u : 0u) << (4 * n + w);
    }
    return arguments.none ? 0u : bits >> phase;
}

// The lowest four bits as four bytes.
DEVICE uint32_t bits_to_bytes(uint32_t bits) { return ((bits & 15u) * 0x00204081u) & 0x01010101u; }

KERNEL(random_mask, RANDOM_MASK_THREADS, RandomMaskArguments)
{
    const int64_t i = arguments.head + ((int64_t)blockIdx.x * RANDOM_MASK_THREADS + (int64_t)threadIdx.x) * 16;
    const int64_t left = arguments.length - i;
    if (left >= 16)
    {
        const uint32_t bits = kept_bits(arguments, arguments.first + (uint64_t)i);
        store16(arguments.mask + i, { bits_to_bytes(bits), bits_to_bytes(bits >> 4), bits_to_bytes(bits >> 8), bits_to_bytes(bits >> 12) });
    }
    else if (left > 0)
    {
        const uint32_t bits = kept_bits(arguments, arguments.first + (uint64_t)i);
        for (int e = 0; e < (int)left; e++) arguments.mask[i + e] = (uint8_t)(bits >> e & 1u);
    }

    if (blockIdx.x == 0 && threadIdx.x == 0 && arguments.head > 0)
    {
        const uint32_t bits = kept_bits(arguments, arguments.first);
        const int64_t end = arguments.head < arguments.length ? arguments.head : arguments.length;
        for (int e = 0; e < (int)end; e++) arguments.mask[e] = (uint8_t)(bits >> e & 1u);
    }
}
