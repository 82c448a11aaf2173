// best[r] <- index of the largest logit of row r, the lowest among equals; NaN counts as minus infinity.
// Launch: a warp a row. Bytes: 4 an element, one comparison each.
#pragma once
#include "logits.cuh"

struct ArgMaxArguments
{
    int32_t* best; // [rows]
    Rows logits;   // [rows, classes]
    int32_t rows, classes;
};

template <bool PACKED> DEVICE void find_largest(const ArgMaxArguments& arguments)
{
    const int64_t row = (int64_t)blockIdx.x * LOGITS_WARPS + warp_id();
    if (row >= arguments.rows) return;
    const Largest<PACKED> largest(arguments.logits[row], (uint32_t)arguments.classes);
    if (lane_id() == 0) arguments.best[row] = largest.index;
}

KERNEL(arg_max, LOGITS_THREADS, ArgMaxArguments)
{
    if (arguments.logits.packed(arguments.classes)) find_largest<true>(arguments);
    else find_largest<false>(arguments);
}
