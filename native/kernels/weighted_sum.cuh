// output[i] = origin[i] + sum of weight_k * input_k[i]: the fused merge of N float32 vectors. Every input is read once and the chain of
// fused multiply-adds runs in the order of k, so the bits are the CPU's for any N.
// Bytes an element: 4 N + 4, with an origin 4 more, with a mask 1 more. Arithmetic: N multiply-adds, 1/50 of what the card could do
// meanwhile. Four inputs' packets of two steps are loaded before the first is used: 128 bytes under way a thread, 32 KiB a block, at about
// 64 registers (four blocks an SM): several times what Little's law asks for, so memory is the bound.
// Grid: 2048 elements a block of 256 threads.
#pragma once
#include "lists.cuh"
#include "spans.cuh"

struct WeightedInput
{
    const float* values;
    float weight;
    int32_t unused;
};

struct WeightedSumArguments
{
    float* output;
    const float* origin;        // null: none
    const uint8_t* mask;        // null: every element; else where 0 the origin's bits are stored. Only with an origin
    const WeightedInput* table; // the list of weighted_sum_of_many
    int64_t length;
    int32_t count;
    int32_t head;
    WeightedInput inputs[LIST_INLINE];
};

constexpr int WEIGHTED_SUM_STEPS = 2;

template <class List> struct WeightedSumBody
{
    const WeightedSumArguments& arguments;
    const List inputs;

    // K inputs' terms: all loads, then the chain in order.
    template <int K, int STEPS, class Access> DEVICE void add(Access access, int64_t i, int k, float (&sum)[STEPS][4]) const
    {
        float x[K][STEPS][4], weight[K];
#pragma unroll
        for (int n = 0; n < K; n++)
        {
            const float* values = inputs[k + n].values;
            weight[n] = inputs[k + n].weight;
#pragma unroll
            for (int s = 0; s < STEPS; s++) access.load(values, i + s * 4 * SPAN_THREADS, x[n][s]);
        }
#pragma unroll
        for (int n = 0; n < K; n++)
#pragma unroll
            for (int s = 0; s < STEPS; s++)
#pragma unroll
                for (int j = 0; j < 4; j++) sum[s][j] = fused(weight[n], x[n][s][j], sum[s][j]);
    }

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        const int count = arguments.count;
        float sum[STEPS][4], origin[STEPS][4];
        uint8_t mask[STEPS][4];
        const bool masked = arguments.mask != nullptr;
#pragma unroll
        for (int s = 0; s < STEPS; s++)
        {
            const int64_t at = i + s * 4 * SPAN_THREADS;
            if (arguments.origin != nullptr) access.load(arguments.origin, at, origin[s]);
            else
            {
                // weight * x + (-0) has the bits of weight * x, whatever x is.
#pragma unroll
                for (int j = 0; j < 4; j++) origin[s][j] = -0.0f;
            }
            if (masked) access.load(arguments.mask, at, mask[s]);
#pragma unroll
            for (int j = 0; j < 4; j++) sum[s][j] = origin[s][j];
        }

        int k = 0;
        if constexpr (Access::packed)
        {
            for (; k + 4 <= count; k += 4) add<4>(access, i, k, sum);
            if (k + 2 <= count)
            {
                add<2>(access, i, k, sum);
                k += 2;
            }
        }
        for (; k < count; k++) add<1>(access, i, k, sum);

#pragma unroll
        for (int s = 0; s < STEPS; s++)
        {
            if (masked)
            {
#pragma unroll
                for (int j = 0; j < 4; j++) sum[s][j] = mask[s][j] != 0 ? sum[s][j] : origin[s][j];
            }
            access.store(arguments.output, i + s * 4 * SPAN_THREADS, sum[s]);
        }
    }
};

KERNEL(weighted_sum, SPAN_THREADS, WeightedSumArguments)
{
    over_span<4, WEIGHTED_SUM_STEPS>(arguments.length, arguments.head,
        WeightedSumBody<InlineList<WeightedInput>>{ arguments, { arguments.inputs } });
}

KERNEL(weighted_sum_of_many, SPAN_THREADS, WeightedSumArguments)
{
    over_span<4, WEIGHTED_SUM_STEPS>(arguments.length, arguments.head,
        WeightedSumBody<TableList<WeightedInput>>{ arguments, { arguments.table } });
}
