// best[r] <- index of the largest logit of row r, the lowest among equals; NaN counts as minus infinity.
// Launch: a warp a row. Bytes: 4 an element, one comparison each.
#pragma once
#include "logits.cuh"

struct ArgMax
{
    int32_t* best; // [rows]
    Rows logits;   // [rows, classes]
    int32_t rows, classes;
};

KERNEL(arg_max, LOGITS_THREADS, ArgMax)
{
    const int64_t row = (int64_t)blockIdx.x * LOGITS_WARPS + warp_id();
    if (row >= arguments.rows) return;
    const Largest largest(arguments.logits[row], (uint32_t)arguments.classes, arguments.logits.packed(arguments.classes));
    if (lane_id() == 0) arguments.best[row] = largest.index;
}
