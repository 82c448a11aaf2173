// What follows a linear layer's product where cuBLASLt has no epilogue for it.
//
//   bias_activation: z = product + bias; pre_activation = z; output = act(z). Bias and pre_activation are optional; output and
//       pre_activation may be the product's own memory.
//   activation_derivative_product: gradient = product * act'(pre_activation), or gradient += it. The product may be the gradient's own memory.
//
//   All matrices [rows, columns]. Launch: RowTile. Bytes: 4 an element of every matrix that is read or written; an activation costs 10 to 60
//   instructions an element, within what a card has to spare beside memory (activation.cuh).
#pragma once
#include "gelu.cuh"
#include "rows.cuh"

struct BiasActivationArguments
{
    Rows output;
    Rows pre_activation; // or none
    Rows product;
    const float* bias;   // or null
    int32_t rows, columns;
    int32_t activation;  // ActivationKind
    int32_t lanes_log2;
};

struct ActivationDerivativeArguments
{
    Rows gradient;
    Rows product;
    Rows pre_activation;
    int32_t rows, columns;
    int32_t activation;  // ActivationKind
    int32_t accumulate;
    int32_t lanes_log2;
    int32_t unused;
};

template <int KIND, bool PACKED> DEVICE void add_bias_and_activate(const BiasActivationArguments& a)
{
    const RowTile tile(a.lanes_log2);
    if (tile.row >= a.rows) return;
    const uint32_t width = (uint32_t)a.columns;
    for (uint32_t column = tile.column; column < width; column += tile.step)
    {
        Quad z = load_quad<PACKED>(a.product[tile.row], column, width);
        if (a.bias != nullptr)
        {
            const Quad bias = load_quad<PACKED>(a.bias, column, width);
#pragma unroll
            for (int k = 0; k < 4; k++) z.at[k] += bias.at[k];
        }

        if (a.pre_activation.data != nullptr) store_quad<PACKED>(a.pre_activation[tile.row], column, width, z);
#pragma unroll
        for (int k = 0; k < 4; k++) z.at[k] = activation_value<KIND>(z.at[k]);
        store_quad<PACKED>(a.output[tile.row], column, width, z);
    }
}

template <int KIND, bool PACKED> DEVICE void multiply_by_derivative(const ActivationDerivativeArguments& a)
{
    const RowTile tile(a.lanes_log2);
    if (tile.row >= a.rows) return;
    const uint32_t width = (uint32_t)a.columns;
    for (uint32_t column = tile.column; column < width; column += tile.step)
    {
        const Quad product = load_quad<PACKED>(a.product[tile.row], column, width);
        Quad z = load_quad<PACKED>(a.pre_activation[tile.row], column, width);
#pragma unroll
        for (int k = 0; k < 4; k++) z.at[k] = product.at[k] * activation_derivative<KIND>(z.at[k]);
        float* const gradient = a.gradient[tile.row];
        if (a.accumulate) add_quad<PACKED>(gradient, column, width, z);
        else store_quad<PACKED>(gradient, column, width, z);
    }
}

template <int KIND> DEVICE void add_bias_and_activate(const BiasActivationArguments& a)
{
    const bool kept = a.pre_activation.data == nullptr || a.pre_activation.packed(a.columns);
    if (kept && a.output.packed(a.columns) && a.product.packed(a.columns) && is_packed(a.bias)) add_bias_and_activate<KIND, true>(a);
    else add_bias_and_activate<KIND, false>(a);
}

template <int KIND> DEVICE void multiply_by_derivative(const ActivationDerivativeArguments& a)
{
    if (a.gradient.packed(a.columns) && a.product.packed(a.columns) && a.pre_activation.packed(a.columns)) multiply_by_derivative<KIND, true>(a);
    else multiply_by_derivative<KIND, false>(a);
}

KERNEL(bias_activation, ROW_THREADS, BiasActivationArguments)
{
    switch (arguments.activation)
    {
    case ACTIVATION_GELU_ERF: return add_bias_and_activate<ACTIVATION_GELU_ERF>(arguments);
    case ACTIVATION_GELU_TANH: return add_bias_and_activate<ACTIVATION_GELU_TANH>(arguments);
    case ACTIVATION_GELU_QUICK: return add_bias_and_activate<ACTIVATION_GELU_QUICK>(arguments);
    case ACTIVATION_TANH: return add_bias_and_activate<ACTIVATION_TANH>(arguments);
    default: return add_bias_and_activate<ACTIVATION_NONE>(arguments);
    }
}

KERNEL(activation_derivative_product, ROW_THREADS, ActivationDerivativeArguments)
{
    switch (arguments.activation)
    {
    case ACTIVATION_GELU_ERF: return multiply_by_derivative<ACTIVATION_GELU_ERF>(arguments);
    case ACTIVATION_GELU_TANH: return multiply_by_derivative<ACTIVATION_GELU_TANH>(arguments);
    case ACTIVATION_GELU_QUICK: return multiply_by_derivative<ACTIVATION_GELU_QUICK>(arguments);
    case ACTIVATION_TANH: return multiply_by_derivative<ACTIVATION_TANH>(arguments);
    default: return multiply_by_derivative<ACTIVATION_NONE>(arguments);
    }
}
