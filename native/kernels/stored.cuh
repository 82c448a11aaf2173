// The fused merge of vectors as files hold them: F32, F16, BF16 and F64 mixed among the inputs, converted to float32 at the load,
// summed by the chain of fused multiply-adds of weighted_sum.cuh, and rounded once, to nearest even, at the store. With an origin and no
// inputs it is a conversion.
// Bytes an element: the sum of the widths (eight BF16 models into BF16: 18), with a mask 1 more. Two kernels, by the width of the
// output, so that stores are whole 16-byte packets next to each other: `_to_16` handles 8 elements a thread and step (one packet of a 16-bit vector, two of a
// float32 one), `_to_32` handles 4 (a float32 packet, 8 bytes of a 16-bit vector). Two inputs of a like dtype are loaded together: 64 bytes
// or more under way a thread at about 64 registers, 64 KiB an SM. A conversion costs 1 to 4 instructions; memory is the bound.
// A sum that is NaN is stored as the one quiet NaN with a positive sign, because which operand's payload an addition keeps is the hardware's
// choice; a conversion and an element that the mask leaves out keep payloads.
// Grid: 4096 elements a block of 256 threads.
#pragma once
#include "lists.cuh"
#include "spans.cuh"

enum StoredType : int32_t { STORED_F32 = 0, STORED_F16 = 1, STORED_BF16 = 2, STORED_F64 = 3 };

struct StoredInput
{
    const void* values;
    float weight;
    int32_t dtype;
};

struct StoredSumArguments
{
    void* output;
    const void* origin;       // null: none
    const uint8_t* mask;      // null: every element; else where 0 the origin is stored. Only with an origin
    const StoredInput* table; // the list of the _of_many kernels
    int64_t length;
    int32_t count;
    int32_t head;
    int32_t output_dtype;
    int32_t origin_dtype;
    StoredInput inputs[LIST_INLINE];
};

// A NaN keeps its sign and upper payload bits and becomes quiet, as the CPU's conversion does.
DEVICE float double_to_float(double x)
{
    const uint64_t u = double_bits(x);
    return (u & 0x7fffffffffffffffull) > 0x7ff0000000000000ull
        ? bits_float((uint32_t)(u >> 32 & 0x80000000u) | 0x7fc00000u | (uint32_t)(u >> 29 & 0x007fffffu))
        : (float)x;
}

DEVICE double float_to_double(float x)
{
    const uint32_t u = float_bits(x);
    return (u & 0x7fffffffu) > 0x7f800000u
        ? bits_double((uint64_t)(u & 0x80000000u) << 32 | 0x7ff8000000000000ull | (uint64_t)(u & 0x007fffffu) << 29)
        : (double)x;
}

// What a dtype is in memory, and both ways.
template <int DTYPE> struct Stored;
template <> struct Stored<STORED_F32>
{
    typedef float Type;
    DEVICE static float load(float x) { return x; }
    DEVICE static float store(float x) { return x; }
};
template <> struct Stored<STORED_F16>
{
    typedef uint16_t Type;
    DEVICE static float load(uint16_t x) { return half_to_float(x); }
    DEVICE static uint16_t store(float x) { return float_to_half(x); }
};
template <> struct Stored<STORED_BF16>
{
    typedef uint16_t Type;
    DEVICE static float load(uint16_t x) { return bf16_to_float(x); }
    DEVICE static uint16_t store(float x) { return float_to_bf16(x); }
};
template <> struct Stored<STORED_F64>
{
    typedef double Type;
    DEVICE static float load(double x) { return double_to_float(x); }
    DEVICE static double store(float x) { return float_to_double(x); }
};

// W: elements a thread and step.
template <int W, class List> struct StoredSumBody
{
    const StoredSumArguments& arguments;
    const List inputs;

    template <int DTYPE, int STEPS, class Access> DEVICE void load_origin(Access access, int64_t i, float (&origin)[STEPS][W]) const
    {
        typename Stored<DTYPE>::Type raw[STEPS][W];
#pragma unroll
        for (int s = 0; s < STEPS; s++)
            access.load(static_cast<const typename Stored<DTYPE>::Type*>(arguments.origin), i + s * W * SPAN_THREADS, raw[s]);
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int j = 0; j < W; j++) origin[s][j] = Stored<DTYPE>::load(raw[s][j]);
    }

    // K inputs' terms, all of one dtype.
    template <int DTYPE, int K, int STEPS, class Access> DEVICE void add(Access access, int64_t i, int k, float (&sum)[STEPS][W]) const
    {
        typedef typename Stored<DTYPE>::Type Type;
        Type raw[K][STEPS][W];
        float weight[K];
#pragma unroll
        for (int n = 0; n < K; n++)
        {
            const Type* values = static_cast<const Type*>(inputs[k + n].values);
            weight[n] = inputs[k + n].weight;
#pragma unroll
            for (int s = 0; s < STEPS; s++) access.load(values, i + s * W * SPAN_THREADS, raw[n][s]);
        }
#pragma unroll
        for (int n = 0; n < K; n++)
#pragma unroll
            for (int s = 0; s < STEPS; s++)
#pragma unroll
                for (int j = 0; j < W; j++) sum[s][j] = fused(weight[n], Stored<DTYPE>::load(raw[n][s][j]), sum[s][j]);
    }

    template <int K, int STEPS, class Access> DEVICE void add(int dtype, Access access, int64_t i, int k, float (&sum)[STEPS][W]) const
    {
        if (dtype == STORED_BF16) add<STORED_BF16, K>(access, i, k, sum);
        else if (dtype == STORED_F32) add<STORED_F32, K>(access, i, k, sum);
        else if (dtype == STORED_F16) add<STORED_F16, K>(access, i, k, sum);
        else if constexpr (K == 1) add<STORED_F64, 1>(access, i, k, sum);
    }

    template <int DTYPE, int STEPS, class Access> DEVICE void store(Access access, int64_t i, const float (&sum)[STEPS][W]) const
    {
        typedef typename Stored<DTYPE>::Type Type;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
        {
            Type raw[W];
#pragma unroll
            for (int j = 0; j < W; j++) raw[j] = Stored<DTYPE>::store(sum[s][j]);
            access.store(static_cast<Type*>(arguments.output), i + s * W * SPAN_THREADS, raw);
        }
    }

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        const int count = arguments.count;
        float sum[STEPS][W], origin[STEPS][W];
        if (arguments.origin == nullptr)
        {
            // weight * x + (-0) has the bits of weight * x, whatever x is.
#pragma unroll
            for (int s = 0; s < STEPS; s++)
#pragma unroll
                for (int j = 0; j < W; j++) origin[s][j] = -0.0f;
        }
        else if (arguments.origin_dtype == STORED_BF16) load_origin<STORED_BF16>(access, i, origin);
        else if (arguments.origin_dtype == STORED_F32) load_origin<STORED_F32>(access, i, origin);
        else if (arguments.origin_dtype == STORED_F16) load_origin<STORED_F16>(access, i, origin);
        else load_origin<STORED_F64>(access, i, origin);
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int j = 0; j < W; j++) sum[s][j] = origin[s][j];

        for (int k = 0; k < count;)
        {
            const int dtype = inputs[k].dtype;
            if constexpr (Access::packed)
            {
                if (k + 1 < count && inputs[k + 1].dtype == dtype && dtype != STORED_F64)
                {
                    add<2>(dtype, access, i, k, sum);
                    k += 2;
                    continue;
                }
            }
            add<1>(dtype, access, i, k, sum);
            k++;
        }

        if (count > 0)
        {
#pragma unroll
            for (int s = 0; s < STEPS; s++)
            {
                uint8_t mask[W];
                if (arguments.mask != nullptr) access.load(arguments.mask, i + s * W * SPAN_THREADS, mask);
#pragma unroll
                for (int j = 0; j < W; j++)
                {
                    const float one_nan = sum[s][j] != sum[s][j] ? bits_float(0x7fc00000u) : sum[s][j];
                    sum[s][j] = arguments.mask == nullptr || mask[j] != 0 ? one_nan : origin[s][j];
                }
            }
        }

        if constexpr (W == 8)
        {
            if (arguments.output_dtype == STORED_BF16) store<STORED_BF16>(access, i, sum);
            else store<STORED_F16>(access, i, sum);
        }
        else
        {
            if (arguments.output_dtype == STORED_F32) store<STORED_F32>(access, i, sum);
            else store<STORED_F64>(access, i, sum);
        }
    }
};

// A kernel; native/parts has those of 16-bit and of wider outputs.
#define MERGE_ENGINE_STORED_KERNEL(name, W, List, list) \
    KERNEL(name, SPAN_THREADS, StoredSumArguments) \
    { \
        over_span<W, 16 / W>(arguments.length, arguments.head, StoredSumBody<W, List<StoredInput>>{ arguments, { arguments.list } }); \
    }
