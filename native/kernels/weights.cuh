// Merges in which every element has a weight of its own (see Operations/OperationSet.Weights.cs); lists lie in device memory, sums are float64 in the order of the list.
//   merge_weighted: 8 bytes an element and input and 8 more, a division at the end; bound by memory on cards with float64 at half rate.
//   competition_scores, merge_competition: two looks at every value, the second of which finds it in the caches; an exponential or two and three divisions a value, so bound
//       by float64 arithmetic.
// Grid: 1024 elements a block of 256 threads, neighbouring threads on neighbouring elements.
#pragma once
#include "math.cuh"

constexpr int WEIGHT_THREADS = 256, WEIGHT_STEPS = 4;

struct WeightedValues
{
    const float* values;
    const float* weights;
    double factor;
};

struct MergeWeightedArguments
{
    float* output;
    const float* origin;
    const WeightedValues* table;
    int64_t length;
    double floor;
    int64_t count;
};

KERNEL(merge_weighted, WEIGHT_THREADS, MergeWeightedArguments)
{
    int64_t i = (int64_t)blockIdx.x * (WEIGHT_THREADS * WEIGHT_STEPS) + threadIdx.x;
    for (int step = 0; step < WEIGHT_STEPS && i < arguments.length; step++, i += WEIGHT_THREADS)
    {
        const float origin = arguments.origin[i];
        const double start = (double)origin;
        double sum = 0.0, total = 0.0;
        for (int64_t k = 0; k < arguments.count; k++)
        {
            const WeightedValues& input = arguments.table[k];
            const double weight = (double)input.weights[i], c = input.factor * (weight < arguments.floor ? arguments.floor : weight);
            sum = fused(c, (double)input.values[i] - start, sum);
            total += c;
        }

        arguments.output[i] = sum == 0 || total == 0 ? origin : (float)(start + divide(sum, total));
    }
}

struct CompetitionInput
{
    const float* values;
    double low;
    double high;
    double threshold;
    double most;
    double factor;

    DEVICE static double within(double x, double low, double high)
    {
        x = x < low ? low : x;
        return high < x ? high : x;
    }

    DEVICE double share(double size) const { return high > low ? divide(within(size, low, high) - low, high - low) : 0.0; }

    DEVICE double weight(double score) const { return most > threshold ? divide(within(score, threshold, most) - threshold, most - threshold) : 0.0; }
};

struct CompetitionArguments
{
    double* scores;
    float* output;
    const float* origin;
    const CompetitionInput* table;
    int64_t length;
    double scale;
    double least;
    int32_t count;
    int32_t index;
};

// tanh x in float64: its series below 1/8, the exponential elsewhere. The bits are those of Operations/DoubleFunctions.cs.
DEVICE double hyperbolic_tangent(double x)
{
    const double size = magnitude(x), square = x * x;
    if (size < 0.125)
    {
        double p = -929569.0 / 638512875.0;
        p = fused(p, square, 21844.0 / 6081075.0);
        p = fused(p, square, -1382.0 / 155925.0);
        p = fused(p, square, 62.0 / 2835.0);
        p = fused(p, square, -17.0 / 315.0);
        p = fused(p, square, 2.0 / 15.0);
        p = fused(p, square, -1.0 / 3.0);
        return fused(p * square, x, x);
    }

    const double e = exponential(-2.0 * size), far = divide(1.0 - e, 1.0 + e);
    return x < 0 ? -far : far;
}

DEVICE double with_sign(double size, double of) { return of > 0 ? size : of < 0 ? -size : of; }

// The sum of the signed shares of all vectors at one element.
DEVICE double shares_at(const CompetitionArguments& arguments, int64_t i)
{
    double sum = 0.0;
    for (int k = 0; k < arguments.count; k++)
    {
        const double value = (double)arguments.table[k].values[i];
        sum += with_sign(arguments.table[k].share(magnitude(value)), value);
    }
    return sum;
}

DEVICE double competition_score(const CompetitionInput& input, double value, double shares, int count)
{
    const double share = input.share(magnitude(value));
    const double score = exponential((double)count * (share * share - 1.0)) * hyperbolic_tangent(value * shares);
    return score <= 0 ? 0.0 : score;
}

KERNEL(competition_scores, WEIGHT_THREADS, CompetitionArguments)
{
    int64_t i = (int64_t)blockIdx.x * (WEIGHT_THREADS * WEIGHT_STEPS) + threadIdx.x;
    for (int step = 0; step < WEIGHT_STEPS && i < arguments.length; step++, i += WEIGHT_THREADS)
    {
        const CompetitionInput& input = arguments.table[arguments.index];
        arguments.scores[i] = competition_score(input, (double)input.values[i], shares_at(arguments, i), arguments.count);
    }
}

KERNEL(merge_competition, WEIGHT_THREADS, CompetitionArguments)
{
    int64_t i = (int64_t)blockIdx.x * (WEIGHT_THREADS * WEIGHT_STEPS) + threadIdx.x;
    for (int step = 0; step < WEIGHT_STEPS && i < arguments.length; step++, i += WEIGHT_THREADS)
    {
        const double shares = shares_at(arguments, i);
        double sum = 0.0, total = 0.0;
        for (int k = 0; k < arguments.count; k++)
        {
            const CompetitionInput& input = arguments.table[k];
            const double value = (double)input.values[i], weight = input.weight(competition_score(input, value, shares, arguments.count));
            sum = fused(input.factor * weight, with_sign(CompetitionInput::within(magnitude(value), input.low, input.high), value), sum);
            total += weight;
        }

        const float origin = arguments.origin[i];
        arguments.output[i] = sum == 0 ? origin : (float)fused(arguments.scale, divide(sum, total < arguments.least ? arguments.least : total), (double)origin);
    }
}
