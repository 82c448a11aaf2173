// TIES' election (Yadav et al., arXiv 2306.01708) over N trimmed vectors: v^_k[i] is v_k[i] where |v_k[i]| is selected and 0 elsewhere.
//   disjoint_mean  mean of the v^_k[i] whose sign is that of their sum, or the undecided sign where the sum has none
//   sign_balance   number of positive sums less number of negative ones, as one partial for each block
// Sums are float64 in the order of k, as on the CPU; the sums of positive and of negative values are kept beside the total, so one
// look at each value is enough and the mean adds the same numbers in the same order as a second look would.
// Bytes an element: disjoint_mean 4 N + 4, sign_balance 4 N. A value costs about 12 instructions, two (one) of them float64 additions and
// one a conversion: below what memory leaves time for on cards with float64 at 1/2 or 1/4 of float32 (A100, H100). Four (eight) 16-byte loads
// are under way a thread at about 72 registers: 48 KiB an SM.
// Grid: 1024 (disjoint_mean) or 2048 (sign_balance) elements a block of 256 threads.
#pragma once
#include "lists.cuh"
#include "reduce.cuh"
#include "selection.cuh"

struct TrimmedInput
{
    const float* values;
    int64_t boundary;
    float below;
    float from;
};

struct ElectionArguments
{
    float* output;             // disjoint_mean
    int64_t* partials;         // sign_balance: one for each block
    const TrimmedInput* table; // the list of the _of_many kernels
    int64_t length;
    int32_t count;
    int32_t undecided;         // +1 or -1
    int32_t head;
    int32_t unused;
    TrimmedInput inputs[LIST_INLINE];
};

// Calls visit(j, v^) for the elements of K vectors in the order of k; all loads come first.
template <int STEPS, int K, class List, class Access, class Visitor>
DEVICE void visit_trimmed(const List& inputs, Access access, int64_t i, int k, const Visitor& visitor)
{
    float x[K][STEPS][4];
#pragma unroll
    for (int n = 0; n < K; n++)
#pragma unroll
        for (int s = 0; s < STEPS; s++) access.load(inputs[k + n].values, i + s * 4 * SPAN_THREADS, x[n][s]);
#pragma unroll
    for (int n = 0; n < K; n++)
    {
        const Limit<float> limit{ inputs[k + n].boundary, inputs[k + n].below, inputs[k + n].from };
#pragma unroll
        for (int s = 0; s < STEPS; s++)
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                const float v = x[n][s][j];
                const bool kept = limit.at(i + s * 4 * SPAN_THREADS + j * Access::stride) < magnitude(v);
                visitor.visit(s * 4 + j, kept ? v : 0.0f);
            }
    }
}

template <int STEPS, class List, class Access, class Visitor>
DEVICE void visit_all_trimmed(const List& inputs, int count, Access access, int64_t i, const Visitor& visitor)
{
    constexpr int together = STEPS == 1 ? 4 : 2;
    int k = 0;
    if constexpr (Access::packed)
        for (; k + together <= count; k += together) visit_trimmed<STEPS, together>(inputs, access, i, k, visitor);
    for (; k < count; k++) visit_trimmed<STEPS, 1>(inputs, access, i, k, visitor);
}

struct MeanSums
{
    double (&total)[4];
    double (&positive)[4];
    double (&negative)[4];
    int32_t (&positives)[4];
    int32_t (&negatives)[4];

    DEVICE void visit(int j, float v) const
    {
        const double x = (double)v;
        total[j] += x;
        positive[j] += v > 0 ? x : 0.0;
        negative[j] += v < 0 ? x : 0.0;
        positives[j] += v > 0 ? 1 : 0;
        negatives[j] += v < 0 ? 1 : 0;
    }
};

template <class List> struct DisjointMeanBody
{
    const ElectionArguments& arguments;
    const List inputs;

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        double total[4] = {}, positive[4] = {}, negative[4] = {};
        int32_t positives[4] = {}, negatives[4] = {};
        visit_all_trimmed<STEPS>(inputs, arguments.count, access, i, MeanSums{ total, positive, negative, positives, negatives });
        float mean[4];
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            const bool plus = total[j] > 0 || (!(total[j] < 0) && arguments.undecided > 0);
            const int32_t elected = plus ? positives[j] : negatives[j];
            mean[j] = elected == 0 ? 0.0f : (float)divide(plus ? positive[j] : negative[j], (double)elected);
        }
        access.store(arguments.output, i, mean);
    }
};

KERNEL(disjoint_mean, SPAN_THREADS, ElectionArguments)
{
    over_span<4, 1>(arguments.length, arguments.head, DisjointMeanBody<InlineList<TrimmedInput>>{ arguments, { arguments.inputs } });
}

KERNEL(disjoint_mean_of_many, SPAN_THREADS, ElectionArguments)
{
    over_span<4, 1>(arguments.length, arguments.head, DisjointMeanBody<TableList<TrimmedInput>>{ arguments, { arguments.table } });
}

constexpr int BALANCE_STEPS = 2;

template <int STEPS> struct TotalSums
{
    double (&total)[4 * STEPS];
    DEVICE void visit(int j, float v) const { total[j] += (double)v; }
};

template <class List> struct SignBalanceBody
{
    const ElectionArguments& arguments;
    const List inputs;
    int32_t& balance;

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        double total[4 * STEPS] = {};
        visit_all_trimmed<STEPS>(inputs, arguments.count, access, i, TotalSums<STEPS>{ total });
#pragma unroll
        for (int j = 0; j < 4 * STEPS; j++) balance += (total[j] > 0 ? 1 : 0) - (total[j] < 0 ? 1 : 0); // elements beyond the end are 0
    }
};

template <class List> DEVICE void balance_of_block(const ElectionArguments& arguments, const List& inputs)
{
    int32_t balance = 0;
    over_span<4, BALANCE_STEPS>(arguments.length, arguments.head, SignBalanceBody<List>{ arguments, inputs, balance });
    const int32_t total = block_sum<SPAN_THREADS>(balance);
    if (threadIdx.x == 0) arguments.partials[blockIdx.x] = total;
}

KERNEL(sign_balance, SPAN_THREADS, ElectionArguments) { balance_of_block(arguments, InlineList<TrimmedInput>{ arguments.inputs }); }

KERNEL(sign_balance_of_many, SPAN_THREADS, ElectionArguments) { balance_of_block(arguments, TableList<TrimmedInput>{ arguments.table }); }

struct SumPartialsArguments
{
    int64_t* result;
    const int64_t* partials;
    int64_t count;
};

// result[0] = sum of the partials. One block; there is one partial for thousands of elements, so this costs a launch and no more.
KERNEL(sum_partials, SPAN_THREADS, SumPartialsArguments)
{
    int64_t sum = 0;
    for (int64_t i = (int64_t)threadIdx.x; i < arguments.count; i += SPAN_THREADS) sum += arguments.partials[i];
    const int64_t total = block_sum<SPAN_THREADS>(sum);
    if (threadIdx.x == 0) arguments.result[0] = total;
}
