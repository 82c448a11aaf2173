// What a card can do at most: the ceilings that `bench` compares kernels with.
//
//   probe_copy: target <- source in 16-byte accesses, four packets of a thread under way before the first store; 256 threads and 16 KiB a
//       block; 32 bytes moved for a packet. Nothing but memory limits it.
//   probe_multiply_adds, probe_tf32, probe_bf16: arithmetic in registers alone: independent chains of fused multiply-adds, or of warp-wide
//       matrix products of the tensor cores. (An H100 reaches more with wgmma, which takes its operands from shared memory.)
#pragma once
#include "platform.cuh"

constexpr int PROBE_THREADS = 256;
constexpr int PROBE_COPY_PACKETS = 4;
constexpr int PROBE_CHAINS = 8;
constexpr int PROBE_ROUNDS = 8;

struct CopyProbeArguments
{
    const Packet* source;
    Packet* target;
    int64_t packets;
};

KERNEL(probe_copy, PROBE_THREADS, CopyProbeArguments)
{
    const int64_t first = (int64_t)blockIdx.x * PROBE_THREADS * PROBE_COPY_PACKETS + threadIdx.x;
    if (first + (PROBE_COPY_PACKETS - 1) * PROBE_THREADS < arguments.packets)
    {
        Packet packets[PROBE_COPY_PACKETS];
#pragma unroll
        for (int j = 0; j < PROBE_COPY_PACKETS; j++) packets[j] = load16(arguments.source + first + j * PROBE_THREADS);
#pragma unroll
        for (int j = 0; j < PROBE_COPY_PACKETS; j++) store16(arguments.target + first + j * PROBE_THREADS, packets[j]);
    }
    else
    {
        for (int64_t i = first; i < arguments.packets; i += PROBE_THREADS) store16(arguments.target + i, load16(arguments.source + i));
    }
}

struct ArithmeticProbeArguments
{
    float* result;      // [1], written if a sum is NaN, which it never is: so that the work has a reader
    int32_t rounds;     // of PROBE_CHAINS products each, a multiple of PROBE_ROUNDS
    float factor;
};

KERNEL(probe_multiply_adds, PROBE_THREADS, ArithmeticProbeArguments)
{
    const float factor = arguments.factor, start = (float)threadIdx.x;
    float chains[PROBE_CHAINS];
#pragma unroll
    for (int j = 0; j < PROBE_CHAINS; j++) chains[j] = start + (float)j;
    for (int round = 0; round < arguments.rounds; round += PROBE_ROUNDS)
    {
#pragma unroll
        for (int step = 0; step < PROBE_ROUNDS * PROBE_CHAINS; step++)
            chains[step % PROBE_CHAINS] = fused(chains[step % PROBE_CHAINS], factor, factor);
    }

    float sum = 0;
#pragma unroll
    for (int j = 0; j < PROBE_CHAINS; j++) sum += chains[j];
    if (sum != sum) *arguments.result = sum;
}

struct Tf32Product
{
    static DEVICE void add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_tf32_16x8x8(d, a, b); }
};

struct Bf16Product
{
    static DEVICE void add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_bf16_16x8x16(d, a, b); }
};

template <class Product> DEVICE void probe_tensor_cores(const ArithmeticProbeArguments& arguments)
{
    // Any operands will do: the bits of a small number, as one float32 or as two bfloat16 of which one is 0.
    const uint32_t bits = float_bits(arguments.factor) & 0xFFFF0000u;
    const uint32_t a[4] = { bits, bits, bits, bits }, b[2] = { bits, bits };
    float d[PROBE_CHAINS][4] = {};
    for (int round = 0; round < arguments.rounds; round += PROBE_ROUNDS)
    {
#pragma unroll
        for (int step = 0; step < PROBE_ROUNDS * PROBE_CHAINS; step++) Product::add(d[step % PROBE_CHAINS], a, b);
    }

    float sum = 0;
#pragma unroll
    for (int j = 0; j < PROBE_CHAINS; j++) sum += d[j][0] + d[j][1] + d[j][2] + d[j][3];
    if (sum != sum) *arguments.result = sum;
}

KERNEL(probe_tf32, PROBE_THREADS, ArithmeticProbeArguments) { probe_tensor_cores<Tf32Product>(arguments); }

KERNEL(probe_bf16, PROBE_THREADS, ArithmeticProbeArguments) { probe_tensor_cores<Bf16Product>(arguments); }
