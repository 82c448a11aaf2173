// db += the sum of the rows of dY, or the sum over samples of the absolute value of each sample's: the gradient of a linear layer's bias, through
// column_sums.cuh. dY [rows, columns]. Samples of one row are summed as absolute values, in sections of any length.
// Launch: as in column_sums.cuh. Bytes: 4 an element of dY, read once.
#pragma once
#include "column_sums.cuh"

struct BiasGradientArguments
{
    ColumnSections sections;
    Rows output_gradient;
    int64_t absolute; // add |dY|
};

template <bool PACKED> struct BiasGradientTerm
{
    typedef Quad Loaded;

    Rows output_gradient;
    uint32_t width;
    bool absolute;

    DEVICE Quad load(int64_t row, uint32_t column) const { return load_quad<PACKED>(output_gradient[row], column, width); }

    DEVICE void add(Quad (&sums)[1], const Quad& loaded) const
    {
#pragma unroll
        for (int k = 0; k < 4; k++) sums[0].at[k] += absolute ? magnitude(loaded.at[k]) : loaded.at[k];
    }
};

template <bool PACKED> DEVICE void sum_bias_gradient(const BiasGradientArguments& a)
{
    const BiasGradientTerm<PACKED> term = { a.output_gradient, (uint32_t)a.sections.columns, a.absolute != 0 };
    sum_section<1>(a.sections, term);
}

KERNEL(bias_gradient, COLUMN_THREADS, BiasGradientArguments)
{
    if (arguments.output_gradient.packed(arguments.sections.columns)) sum_bias_gradient<true>(arguments);
    else sum_bias_gradient<false>(arguments);
}
