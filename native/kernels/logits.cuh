// What the losses ask of a row of logits. A warp owns a row: lanes take every 32nd packet of four, add in float32, and are put together in float64.
#pragma once
#include "math.cuh"
#include "reduce.cuh"
#include "rows.cuh"

constexpr int LOGITS_WARPS = 4;
constexpr int LOGITS_THREADS = 32 * LOGITS_WARPS;

// The largest logit and the lowest index that has it; NaN is passed over. Without a number above minus infinity: that, and index 0.
template <bool PACKED> struct Largest
{
    float value;
    int32_t index;

    DEVICE Largest(const float* row, uint32_t classes) : value(-infinity()), index(0x7fffffff)
    {
        for (uint32_t column = lane_id() * 4; column < classes; column += 128)
        {
            const Quad x = load_quad<PACKED>(row, column, classes);
#pragma unroll
            for (uint32_t k = 0; k < 4; k++)
            {
                if ((PACKED || column + k < classes) && x.at[k] > value)
                {
                    value = x.at[k];
                    index = (int32_t)(column + k);
                }
            }
        }

#pragma unroll
        for (unsigned half = 16; half > 0; half /= 2)
        {
            const float other = shuffle_xor(value, half);
            const int32_t at = shuffle_xor(index, half);
            if (other > value || (other == value && at < index))
            {
                value = other;
                index = at;
            }
        }

        if (index == 0x7fffffff) index = 0;
    }
};

// Sums of exp(x - top) and of exp(x - top) (top - x) over all classes but one; no term is negative, and none counts whose exponential is 0: x may be
// minus infinity.
template <bool PACKED> struct Exponentials
{
    double sum, weighted;

    DEVICE Exponentials(const float* row, uint32_t classes, float top, uint32_t without)
    {
        float own_sum = 0.0f, own_weighted = 0.0f;
        for (uint32_t column = lane_id() * 4; column < classes; column += 128)
        {
            const Quad x = load_quad<PACKED>(row, column, classes);
#pragma unroll
            for (uint32_t k = 0; k < 4; k++)
            {
                // Computed for all and chosen after: a branch here would take the packet's access apart.
                const float below = top - x.at[k], e = exponential(-below), product = fused(e, e == 0.0f ? 0.0f : below, own_weighted);
                const bool counts = (PACKED || column + k < classes) && column + k != without;
                own_sum += counts ? e : 0.0f;
                own_weighted = counts ? product : own_weighted;
            }
        }

        sum = warp_sum((double)own_sum);
        weighted = warp_sum((double)own_weighted);
    }
};
