// C = factor * C, or C = 0 without reading it: what a product over no terms leaves.
//
//   C [rows, columns] with a row stride. Launch: one thread for an element; such products are rare, and small.
#pragma once
#include "platform.cuh"

struct ScaleMatrixArguments
{
    float* matrix;
    int64_t stride;
    int64_t rows;
    int64_t columns;
    float factor; // 0: the old content is not read
    int32_t unused;
};

constexpr int SCALE_MATRIX_THREADS = 256;

KERNEL(scale_matrix, SCALE_MATRIX_THREADS, ScaleMatrixArguments)
{
    const int64_t index = (int64_t)blockIdx.x * SCALE_MATRIX_THREADS + threadIdx.x, row = index / arguments.columns;
    if (row >= arguments.rows) return;
    float* const to = arguments.matrix + row * arguments.stride + (index - row * arguments.columns);
    *to = arguments.factor == 0 ? 0 : arguments.factor * *to;
}
