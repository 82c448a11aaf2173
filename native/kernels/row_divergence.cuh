// The divergence between the softmax distributions of two rows, a floor added to every probability, in float64 (see Operations/OperationSet.Groups.cs):
// a warp a row, three times over the row, of which the later two find it in the caches. Some 60 float64 operations an element.
#pragma once
#include "math.cuh"
#include "reduce.cuh"

constexpr int DIVERGENCE_WARPS = 4;

struct RowDivergenceArguments
{
    double* divergences;
    const float* values;
    const float* origin;
    int64_t rows;
    int64_t columns;
    double floor;
};

// The largest of a row, NaN where there is one, and the sum of exp(x - largest).
DEVICE void row_softmax(const float* x, int64_t columns, double& most, double& sum)
{
    float largest = bits_float(0xff800000u);
    bool bad = false;
    for (int64_t c = lane_id(); c < columns; c += 32)
    {
        largest = larger(largest, x[c]);
        bad = bad || x[c] != x[c];
    }

    most = ballot(bad) != 0 ? bits_double(0x7ff8000000000000ull) : (double)warp_max(largest);
    double part = 0.0;
    for (int64_t c = lane_id(); c < columns; c += 32) part += exponential((double)x[c] - most);
    sum = warp_sum(part);
}

// (1 + u) ln(1 + u) - u, by its series where the logarithm's digits would cancel.
DEVICE double divergence_term(double u)
{
    if (!(magnitude(u) < 0.01)) return (1.0 + u) * logarithm(1.0 + u) - u;
    double series = 1.0 / 72;
    series = 1.0 / 56 - u * series;
    series = 1.0 / 42 - u * series;
    series = 1.0 / 30 - u * series;
    series = 1.0 / 20 - u * series;
    series = 1.0 / 12 - u * series;
    series = 1.0 / 6 - u * series;
    series = 1.0 / 2 - u * series;
    return u * u * series;
}

KERNEL(row_divergence, 32 * DIVERGENCE_WARPS, RowDivergenceArguments)
{
    const int64_t row = (int64_t)blockIdx.x * DIVERGENCE_WARPS + warp_id();
    if (row >= arguments.rows) return;
    const float* x = arguments.values + row * arguments.columns;
    const float* y = arguments.origin + row * arguments.columns;
    double most_x, sum_x, most_y, sum_y, part = 0.0;
    row_softmax(x, arguments.columns, most_x, sum_x);
    row_softmax(y, arguments.columns, most_y, sum_y);
    for (int64_t c = lane_id(); c < arguments.columns; c += 32)
    {
        const double p = divide(exponential((double)x[c] - most_x), sum_x), q = divide(exponential((double)y[c] - most_y), sum_y);
        part += (q + arguments.floor) * divergence_term(divide(p - q, q + arguments.floor));
    }

    const double divergence = warp_sum(part);
    if (lane_id() == 0) arguments.divergences[row] = divergence;
}
