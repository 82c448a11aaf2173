// The second pass of column_sums.cuh: the sections of each unit, absolute values where asked, and the units in float64.
#pragma once
#include "column_sums.cuh"

struct ColumnSumsFinishArguments
{
    const float* partials; // [units * chunks, sums, stride]
    float* targets[2];     // [columns] each; nothing is added where there is none
    int64_t stride;
    int32_t columns;
    int32_t units;
    int32_t chunks;
    int32_t absolute;
};

KERNEL(column_sums_finish, COLUMN_THREADS, ColumnSumsFinishArguments)
{
    SHARED(double, sums, COLUMN_THREADS);
    float* target = arguments.targets[blockIdx.y];
    if (target == nullptr) return;
    const int64_t column = (int64_t)blockIdx.x * 32 + lane_id();
    const int64_t step = (int64_t)gridDim.y * arguments.stride;
    double total = 0.0;
    if (column < arguments.columns)
    {
        const float* partial = arguments.partials + (int64_t)blockIdx.y * arguments.stride + column;
#pragma unroll 4
        for (int32_t unit = (int32_t)warp_id(); unit < arguments.units; unit += COLUMN_WARPS)
        {
            double sum = 0.0;
            for (int32_t chunk = 0; chunk < arguments.chunks; chunk++) sum += partial[((int64_t)unit * arguments.chunks + chunk) * step];
            total += arguments.absolute != 0 && sum < 0.0 ? -sum : sum;
        }
    }

    sums[threadIdx.x] = total;
    sync_threads();
    if (warp_id() != 0 || column >= arguments.columns) return;
#pragma unroll
    for (int warp = 1; warp < COLUMN_WARPS; warp++) total += sums[warp * 32 + lane_id()];
    target[column] = (float)(target[column] + total);
}
