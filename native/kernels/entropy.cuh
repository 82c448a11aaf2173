// entropies[r] <- H(softmax(logits[r])) = ln sum e + sum e (top - x) / sum e with e = exp(x - top), logitsGradient <- -gradientScale p (ln p + H),
// AdaMerging's objective (arXiv 2310.02575). Both terms are sums of numbers that are not negative; the largest logit's own 1 stays out of
// the sum, so that a confident row keeps its digits.
// Launch: a warp a row. Bytes and cost as in cross_entropy.cuh.
#pragma once
#include "logits.cuh"

struct EntropyArguments
{
    float* entropies; // [rows]
    Rows gradient;    // [rows, classes], or none; may be logits
    Rows logits;      // [rows, classes]
    int32_t rows, classes;
    float gradient_scale;
    int32_t unused;
};

template <bool PACKED> DEVICE void measure_rows(const EntropyArguments& arguments)
{
    const int64_t row = (int64_t)blockIdx.x * LOGITS_WARPS + warp_id();
    if (row >= arguments.rows) return;
    const uint32_t classes = (uint32_t)arguments.classes;
    const float* x = arguments.logits[row];
    const Largest<PACKED> largest(x, classes);
    const float top = largest.value;
    const double own = classes == 0 ? 0.0 : (double)(x[largest.index] - top); // 0, or NaN where every logit is NaN or minus infinity
    const Exponentials<PACKED> others(x, classes, top, (uint32_t)largest.index);
    const double total = 1.0 + others.sum + own, mean = divide(others.weighted, total);
    if (lane_id() == 0) arguments.entropies[row] = (float)(logarithm_of_one_plus(others.sum) + mean + own);
    if (arguments.gradient.data == nullptr) return;
    sync_warp(); // The gradient may overwrite the logits.
    float* gradient = arguments.gradient[row];
    const float offset = (float)mean, factor = (float)divide(-(double)arguments.gradient_scale, total);
    for (uint32_t column = lane_id() * 4; column < classes; column += 128)
    {
        Quad y = load_quad<PACKED>(x, column, classes);
#pragma unroll
        for (int k = 0; k < 4; k++)
        {
            const float below = y.at[k] - top, e = exponential(below); // ln p + H = (x - top) + mean
            y.at[k] = e * factor * (e == 0.0f ? 0.0f : below + offset);
        }

        store_quad<PACKED>(gradient, column, classes, y);
    }
}

KERNEL(entropy, LOGITS_THREADS, EntropyArguments)
{
    if (arguments.logits.packed(arguments.classes) && arguments.gradient.packed(arguments.classes)) measure_rows<true>(arguments);
    else measure_rows<false>(arguments);
}
