// Vectors whose elements fall into groups, rows or columns, with numbers of their own in float64: weighted sums with a coefficient for each group, and
// the dot products of all pairs of vectors row by row and column by column. The bits are the CPU's (src/Tensors/Cpu/Groups).
//
//   combine_groups: 4 bytes an element and vector, 4 for the result; a float64 multiply-add for each. Coefficients come from the first-level cache. A card with
//       float64 units at half rate is bound by memory, one at 1/64 rate by the sums.
//   row_products: half a warp a row, tiles of 4 by 4 vectors as in running_sums.cuh.
//   column_products: a thread a column and pair; neighbouring threads read neighbouring columns.
#pragma once
#include "lists.cuh"
#include "math.cuh"
#include "running_sums.cuh"

constexpr int COMBINE_THREADS = 256;
constexpr int COMBINE_STEPS = 4;

struct CombinedInput
{
    const float* values;
};

struct CombineArguments
{
    float* output;
    const double* coefficients; // [count, groups]
    const CombinedInput* table; // the list of combine_groups_of_many
    int64_t length;
    int64_t groups;
    int64_t run;                // neighbouring elements of one group
    int32_t count;
    int32_t unused;
    CombinedInput inputs[LIST_INLINE];
};

// i / run mod groups; 32-bit division where it will do.
DEVICE int64_t group_of(int64_t i, int64_t run, int64_t groups)
{
    if (groups == 1) return 0;
    if (((i | run | groups) >> 32) == 0) return (uint32_t)i / (uint32_t)run % (uint32_t)groups;
    return i / run % groups;
}

template <class List> DEVICE void combine(const CombineArguments& arguments, const List inputs)
{
    const int64_t first = (int64_t)blockIdx.x * (COMBINE_THREADS * COMBINE_STEPS) + threadIdx.x;
    const double* coefficients[COMBINE_STEPS];
    double sum[COMBINE_STEPS];
    bool any[COMBINE_STEPS];
#pragma unroll
    for (int s = 0; s < COMBINE_STEPS; s++)
    {
        const int64_t i = first + s * COMBINE_THREADS;
        coefficients[s] = arguments.coefficients + (i < arguments.length ? group_of(i, arguments.run, arguments.groups) : 0);
        sum[s] = -0.0; // c x + (-0) has the bits of c x, whatever x is.
        any[s] = false;
    }

    for (int k = 0; k < arguments.count; k++)
    {
        const float* values = inputs[k].values;
        float x[COMBINE_STEPS];
        double c[COMBINE_STEPS];
#pragma unroll
        for (int s = 0; s < COMBINE_STEPS; s++)
        {
            const int64_t i = first + s * COMBINE_THREADS;
            c[s] = coefficients[s][k * arguments.groups];
            x[s] = i < arguments.length ? values[i] : 0.0f;
        }

#pragma unroll
        for (int s = 0; s < COMBINE_STEPS; s++)
        {
            if (c[s] == 0.0) continue;
            sum[s] = fused(c[s], (double)x[s], sum[s]);
            any[s] = true;
        }
    }

#pragma unroll
    for (int s = 0; s < COMBINE_STEPS; s++)
    {
        const int64_t i = first + s * COMBINE_THREADS;
        if (i < arguments.length) arguments.output[i] = any[s] ? (float)sum[s] : 0.0f;
    }
}

KERNEL(combine_groups, COMBINE_THREADS, CombineArguments) { combine(arguments, InlineList<CombinedInput>{ arguments.inputs }); }

KERNEL(combine_groups_of_many, COMBINE_THREADS, CombineArguments) { combine(arguments, TableList<CombinedInput>{ arguments.table }); }

struct GroupProductArguments
{
    const float* vectors[RUNNING_VECTORS];
    double* products; // row_products: [rows][pairs]; column_products: [pairs][columns]
    int64_t rows;
    int64_t columns;
    int32_t count;
    int32_t begins;   // column_products: the sums begin here
};

KERNEL(row_products, 32, GroupProductArguments)
{
    const int sides = (arguments.count + PRODUCT_TILE - 1) / PRODUCT_TILE, tiles = sides * (sides + 1) / 2;
    int tile = (int)(blockIdx.x % (unsigned)tiles), tile_row = 0;
    while (tile > tile_row) tile -= ++tile_row;
    const unsigned chain = lane_id() % SUM_CHAINS;
    const int64_t row = (int64_t)(blockIdx.x / (unsigned)tiles) * 2 + lane_id() / SUM_CHAINS;
    const int64_t width = row < arguments.rows ? arguments.columns : 0;
    const float* a[PRODUCT_TILE];
    const float* b[PRODUCT_TILE];
    double sums[PRODUCT_TILE][PRODUCT_TILE];
    const int last = arguments.count - 1;
#pragma unroll
    for (int r = 0; r < PRODUCT_TILE; r++)
    {
        // A vector that does not exist is the last one again; its sums are not kept.
        const int i = tile_row * PRODUCT_TILE + r, j = tile * PRODUCT_TILE + r;
        a[r] = arguments.vectors[i < last ? i : last] + row * arguments.columns;
        b[r] = arguments.vectors[j < last ? j : last] + row * arguments.columns;
#pragma unroll
        for (int c = 0; c < PRODUCT_TILE; c++) sums[r][c] = 0.0;
    }

#pragma unroll 4
    for (int64_t n = chain; n < width; n += SUM_CHAINS)
    {
        double x[PRODUCT_TILE], y[PRODUCT_TILE];
#pragma unroll
        for (int r = 0; r < PRODUCT_TILE; r++)
        {
            x[r] = a[r][n];
            y[r] = b[r][n];
        }

#pragma unroll
        for (int r = 0; r < PRODUCT_TILE; r++)
        {
#pragma unroll
            for (int c = 0; c < PRODUCT_TILE; c++) sums[r][c] += x[r] * y[c]; // The product is exact, fused or not.
        }
    }

    const int64_t pairs = (int64_t)arguments.count * (arguments.count + 1) / 2;
#pragma unroll
    for (int r = 0; r < PRODUCT_TILE; r++)
    {
#pragma unroll
        for (int c = 0; c < PRODUCT_TILE; c++)
        {
            double value = sums[r][c];
#pragma unroll
            for (unsigned half = SUM_CHAINS / 2; half > 0; half /= 2) value += shuffle_xor(value, half);
            const int i = tile_row * PRODUCT_TILE + r, j = tile * PRODUCT_TILE + c;
            if (chain == 0 && row < arguments.rows && i <= last && j <= i) arguments.products[row * pairs + i * (i + 1) / 2 + j] = value;
        }
    }
}

constexpr int COLUMN_PRODUCT_THREADS = 128;

KERNEL(column_products, COLUMN_PRODUCT_THREADS, GroupProductArguments)
{
    const int64_t column = (int64_t)blockIdx.x * COLUMN_PRODUCT_THREADS + threadIdx.x;
    if (column >= arguments.columns) return;
    int j = (int)blockIdx.y, i = 0;
    while (j > i) j -= ++i;
    const float* a = arguments.vectors[i] + column;
    const float* b = arguments.vectors[j] + column;
    double* at = arguments.products + (int64_t)blockIdx.y * arguments.columns + column;
    double sum = arguments.begins != 0 ? 0.0 : *at;
#pragma unroll 8
    for (int64_t row = 0; row < arguments.rows; row++) sum += (double)a[row * arguments.columns] * (double)b[row * arguments.columns];
    *at = sum;
}
