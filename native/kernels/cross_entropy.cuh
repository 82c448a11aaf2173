// losses[r] <- -ln softmax(logits[r])[label], logitsGradient[r] <- gradientScale (softmax - onehot). The label's own exponential is kept apart from
// the sum of the others, so a confident row loses nothing: its loss is ln(1 + others), and the gradient at the label is -others / total,
// where p - 1 would cancel.
// Launch: a warp a row. Bytes: 8 an element; the row's second and third reading come from the first-level cache. Two exponentials an
// element, some 30 instructions: bound by memory, and for the few classes of most heads by the launch itself.
#pragma once
#include "logits.cuh"

struct CrossEntropyArguments
{
    float* losses;         // [rows]
    Rows gradient;         // [rows, classes], or none; may be logits
    Rows logits;           // [rows, classes]
    const int32_t* labels; // [rows], each in [0, classes)
    int32_t rows, classes;
    float gradient_scale;
    int32_t unused;
};

template <bool PACKED> DEVICE void score_rows(const CrossEntropyArguments& arguments)
{
    const int64_t row = (int64_t)blockIdx.x * LOGITS_WARPS + warp_id();
    if (row >= arguments.rows) return;
    const uint32_t classes = (uint32_t)arguments.classes, label = (uint32_t)arguments.labels[row];
    const float* x = arguments.logits[row];
    const float own = x[label];
    const float top = Largest<PACKED>(x, classes).value;
    const double others = Exponentials<PACKED>(x, classes, top, label).sum;
    const double total = others + (double)exponential(own - top);
    if (lane_id() == 0)
        arguments.losses[row] = (float)(own == top ? logarithm_of_one_plus(others) : logarithm(total) + ((double)top - own));
    if (arguments.gradient.data == nullptr) return;
    sync_warp(); // The gradient may overwrite the logits, the label's among them.
    float* gradient = arguments.gradient[row];
    const float factor = (float)divide((double)arguments.gradient_scale, total), at_label = (float)(-arguments.gradient_scale * divide(others, total));
    for (uint32_t column = lane_id() * 4; column < classes; column += 128)
    {
        Quad e = load_quad<PACKED>(x, column, classes);
#pragma unroll
        for (uint32_t k = 0; k < 4; k++)
        {
            const float other = exponential(e.at[k] - top) * factor;
            e.at[k] = column + k == label ? at_label : other;
        }

        store_quad<PACKED>(gradient, column, classes, e);
    }
}

KERNEL(cross_entropy, LOGITS_THREADS, CrossEntropyArguments)
{
    if (arguments.logits.packed(arguments.classes) && arguments.gradient.packed(arguments.classes)) score_rows<true>(arguments);
    else score_rows<false>(arguments);
}
