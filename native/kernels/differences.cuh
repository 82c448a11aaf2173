// Differences d_k = x_k - origin of N inputs, of which only elements that count are not 0, made into one difference m by a rule:
//   merge_differences  output = origin + scale m, the origin's bits where m is 0
//   variance           of the inputs at each element
// Sums are float64 in the order of k, as on the CPU. A vote's sign is known after the last input only, so sums of both signs are kept and one
// look at each value is enough: the same numbers are added in the same order as in a second look after the election.
// Bytes an element: 4 N + 8 (and N where there are masks) and 4 N + 4. A value of an elected mean costs about 25 instructions, five of them float64:
// below what memory leaves time for on cards with float64 at 1/2 of float32 (A100, H100). The list lies in device memory: an entry is too
// long for 64 of them to travel as arguments. Grid: 1024 elements a block of 256 threads.
#pragma once
#include "lists.cuh"
#include "math.cuh"
#include "spans.cuh"

struct DifferenceInput
{
    const float* values;
    const uint8_t* mask; // or null
    int64_t kept_boundary;
    int64_t dropped_boundary;
    float kept_below;    // a magnitude up to the limit does not count
    float kept_from;
    float dropped_below; // nor does one above this one
    float dropped_from;
    double factor;
    double weight;
    double vote;
};

struct MergeDifferencesArguments
{
    float* output;
    const float* origin;
    const DifferenceInput* table;
    int64_t length;
    double scale;
    int32_t count;
    int32_t rule;
    int32_t head;
    int32_t unused;
};

constexpr int RULE_SUM = 0, RULE_ELECTED = 1, RULE_ELECTED_MEAN = 2, RULE_SHARED_MEAN = 3, RULE_LARGEST = 4, RULE_ELECTED_LARGEST = 5;

// What is known of one element after some of the terms; only what the rule asks for is computed.
template <int RULE> struct Merged
{
    double votes, sums[2], weights[2]; // of terms with a positive and with a negative vote
    float largest[2];
    int32_t owners;

    DEVICE void add(float v, const DifferenceInput& term)
    {
        const double x = (double)v;
        if (RULE == RULE_SUM) sums[0] = fused(term.factor, x, sums[0]);
        else if (RULE == RULE_LARGEST) largest[0] = magnitude(largest[0]) < magnitude(v) ? v : largest[0];
        else if (RULE == RULE_SHARED_MEAN)
        {
            votes = fused(term.vote, x, votes);
            sums[0] = fused(term.factor, x, sums[0]);
            weights[0] += v != 0 ? term.weight : 0.0;
            owners += v != 0 ? 1 : 0;
        }
        else
        {
            votes = fused(term.vote, x, votes);
            const float vote = term.vote > 0 ? v : term.vote < 0 ? -v : 0.0f;
            const bool agrees[2] = { vote > 0, vote < 0 };
#pragma unroll
            for (int s = 0; s < 2; s++)
            {
                if (RULE == RULE_ELECTED_LARGEST) largest[s] = agrees[s] && magnitude(largest[s]) < magnitude(v) ? v : largest[s];
                else sums[s] = fused(term.factor, agrees[s] ? x : 0.0, sums[s]);
                if (RULE == RULE_ELECTED_MEAN) weights[s] += agrees[s] ? term.weight : 0.0;
            }
        }
    }

    DEVICE double result() const
    {
        if (RULE == RULE_SUM) return sums[0];
        if (RULE == RULE_LARGEST) return (double)largest[0];
        if (RULE == RULE_SHARED_MEAN) return owners == 1 ? votes : quotient(sums[0], weights[0]);
        if (votes != votes) return votes;
        const bool plus = votes >= 0;
        if (RULE == RULE_ELECTED_LARGEST) return (double)(plus ? largest[0] : largest[1]);
        const double sum = plus ? sums[0] : sums[1];
        return RULE == RULE_ELECTED ? sum : quotient(sum, plus ? weights[0] : weights[1]);
    }

    DEVICE static double quotient(double sum, double weights) { return weights == 0 ? sum : divide(sum, weights); }
};

template <int RULE> struct MergeDifferencesBody
{
    const MergeDifferencesArguments& arguments;

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        float origin[4], merged[4];
        access.load(arguments.origin, i, origin);
        Merged<RULE> elements[4] = {};
        for (int k = 0; k < arguments.count; k++)
        {
            const DifferenceInput& term = arguments.table[k];
            float x[4];
            uint8_t mask[4] = { 1, 1, 1, 1 };
            access.load(term.values, i, x);
            if (term.mask) access.load(term.mask, i, mask);
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                const int64_t at = i + j * Access::stride;
                const float d = x[j] - origin[j], size = magnitude(d);
                const float below = at < term.kept_boundary ? term.kept_below : term.kept_from;
                const float above = at < term.dropped_boundary ? term.dropped_below : term.dropped_from;
                elements[j].add(mask[j] == 0 || size <= below || above < size ? 0.0f : d, term);
            }
        }

#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            const double m = elements[j].result();
            merged[j] = m == 0 ? origin[j] : (float)fused(arguments.scale, m, (double)origin[j]);
        }
        access.store(arguments.output, i, merged);
    }
};

KERNEL(merge_differences, SPAN_THREADS, MergeDifferencesArguments)
{
    const int64_t n = arguments.length;
    const int head = arguments.head;
    switch (arguments.rule)
    {
    case RULE_SUM: over_span<4, 1>(n, head, MergeDifferencesBody<RULE_SUM>{ arguments }); break;
    case RULE_ELECTED: over_span<4, 1>(n, head, MergeDifferencesBody<RULE_ELECTED>{ arguments }); break;
    case RULE_ELECTED_MEAN: over_span<4, 1>(n, head, MergeDifferencesBody<RULE_ELECTED_MEAN>{ arguments }); break;
    case RULE_SHARED_MEAN: over_span<4, 1>(n, head, MergeDifferencesBody<RULE_SHARED_MEAN>{ arguments }); break;
    case RULE_LARGEST: over_span<4, 1>(n, head, MergeDifferencesBody<RULE_LARGEST>{ arguments }); break;
    default: over_span<4, 1>(n, head, MergeDifferencesBody<RULE_ELECTED_LARGEST>{ arguments }); break;
    }
}

struct VarianceArguments
{
    float* output;
    const uint64_t* table; // addresses
    int64_t length;
    int32_t count;
    int32_t head;
};

struct VarianceBody
{
    const VarianceArguments& arguments;

    template <int STEPS, class Access> DEVICE void run(Access access, int64_t start) const
    {
        const int64_t i = access.first(start);
        const float* const* inputs = reinterpret_cast<const float* const*>(arguments.table);
        const double count = (double)arguments.count;
        float first[4], variance[4];
        access.load(inputs[0], i, first);
        double sum[4] = {}, squares[4] = {};
        for (int k = 1; k < arguments.count; k++)
        {
            float x[4];
            access.load(inputs[k], i, x);
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                const double t = (double)x[j] - (double)first[j];
                sum[j] += t;
                squares[j] = fused(t, t, squares[j]);
            }
        }

#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            const double v = divide(squares[j] - divide(sum[j] * sum[j], count), count);
            variance[j] = v <= 0 ? 0.0f : (float)v;
        }
        access.store(arguments.output, i, variance);
    }
};

KERNEL(variance, SPAN_THREADS, VarianceArguments)
{
    over_span<4, 1>(arguments.length, arguments.head, VarianceBody{ arguments });
}
