using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Matrix products and the linear layer.</content>
internal sealed unsafe partial class CpuOperations
{
    /// <summary>Their buffers grow with the largest product and are then kept.</summary>
    private readonly Leased<MatrixProduct> _products;

    protected override void MatrixProductCore(Matrix c, Matrix a, Matrix b, bool transposeA, bool transposeB, float alpha, float beta)
    {
        using Leased<MatrixProduct>.Lease products = _products.Take();
        products.Value.Multiply(
            transposeA, transposeB, c.Rows, c.Columns, transposeA ? a.Rows : a.Columns, alpha, a.Data.Pointer, a.Stride, b.Data.Pointer, b.Stride,
            beta, c.Data.Pointer, c.Stride);
    }

    protected override void LinearForwardCore(
        Matrix output, Matrix input, Matrix weight, DeviceSpan<float> bias, Activation activation, Matrix preActivation)
    {
        using Leased<MatrixProduct>.Lease products = _products.Take();
        products.Value.Multiply(
            false, true, output.Rows, output.Columns, input.Columns, 1f, input.Data.Pointer, input.Stride, weight.Data.Pointer, weight.Stride,
            0f, output.Data.Pointer, output.Stride,
            Epilogue.Forward(bias.Pointer, activation, preActivation.IsNone ? null : preActivation.Data.Pointer, preActivation.Stride));
    }

    protected override void LinearBackwardInputCore(
        Matrix inputGradient, Matrix outputGradient, Matrix weight, bool accumulate, Activation activation, Matrix preActivation)
    {
        using Leased<MatrixProduct>.Lease products = _products.Take();
        products.Value.Multiply(
            false, false, inputGradient.Rows, inputGradient.Columns, outputGradient.Columns, 1f,
            outputGradient.Data.Pointer, outputGradient.Stride, weight.Data.Pointer, weight.Stride,
            accumulate ? 1f : 0f, inputGradient.Data.Pointer, inputGradient.Stride,
            Epilogue.Backward(activation, preActivation.Data.Pointer, preActivation.Stride));
    }

    protected override void LinearBackwardWeightCore(
        Matrix weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input, GradientReduction reduction, int rowsPerSample)
    {
        float* dy = outputGradient.Data.Pointer, x = input.Data.Pointer;
        int rows = input.Rows, samples = rows / rowsPerSample, n = outputGradient.Columns, k = input.Columns;
        bool sum = reduction == GradientReduction.Sum;
        using Leased<MatrixProduct>.Lease products = _products.Take();
        if (!weightGradient.IsNone)
        {
            float* dw = weightGradient.Data.Pointer;
            if (sum)
                products.Value.Multiply(true, false, n, k, rows, 1f, dy, outputGradient.Stride, x, input.Stride, 1f, dw, weightGradient.Stride);
            else
                products.Value.AddAbsolutePerSample(samples, rowsPerSample, n, k, dy, outputGradient.Stride, x, input.Stride, dw, weightGradient.Stride);
        }

        if (!biasGradient.IsNone)
        {
            if (sum)
                products.Value.AddColumnSums(rows, n, dy, outputGradient.Stride, biasGradient.Pointer);
            else
                products.Value.AddAbsoluteColumnSumsPerSample(samples, rowsPerSample, n, dy, outputGradient.Stride, biasGradient.Pointer);
        }
    }
}
