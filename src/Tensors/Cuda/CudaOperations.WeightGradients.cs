using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Products;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>The gradients of a linear layer's weight and bias, summed or as sums of absolute per-sample gradients.</content>
internal sealed partial class CudaOperations
{
    private Kernel<PerSampleProductArguments> PerSampleKernel => _device.Precision switch
    {
        Precision.TF32 => LinearKernels.PerSampleProductTF32,
        Precision.BF16 => LinearKernels.PerSampleProductBF16,
        _ => LinearKernels.PerSampleProduct,
    };

    protected override void LinearBackwardWeightCore(
        Matrix weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input, GradientReduction reduction, int rowsPerSample)
    {
        lock (_device.Gate)
        {
            if (!weightGradient.IsNone && weightGradient.Rows > 0 && weightGradient.Columns > 0)
            {
                if (reduction == GradientReduction.Sum) AddWeightGradient(weightGradient, outputGradient, input);
                else AddAbsoluteWeightGradients(weightGradient, outputGradient, input, rowsPerSample);
            }

            if (!biasGradient.IsNone && outputGradient.Columns > 0) AddBiasGradient(biasGradient, outputGradient, reduction, rowsPerSample);
        }
    }

    /// <summary>dW += dYᵀ·X.</summary>
    private void AddWeightGradient(Matrix weightGradient, Matrix outputGradient, Matrix input)
    {
        var layout = default(ScratchLayout);
        long atGradient = layout.Take(RoundedBytes(outputGradient)), atInput = layout.Take(RoundedBytes(input));
        nint scratch = ScratchOf(layout);
        Multiply(
            new(weightGradient), Rounded(outputGradient, scratch, atGradient), Rounded(input, scratch, atInput), transposeA: true, transposeB: false,
            alpha: 1, beta: 1);
    }

    /// <summary>dW += Σ_s |dY_sᵀ·X_s|.</summary>
    private void AddAbsoluteWeightGradients(Matrix weightGradient, Matrix outputGradient, Matrix input, int rowsPerSample)
    {
        int outputs = weightGradient.Rows, inputs = weightGradient.Columns;
        Grid tiles = new(RowLaunch.Divided(inputs, LinearKernels.PerSampleTile), RowLaunch.Divided(outputs, LinearKernels.PerSampleTile));
        SampleParts parts = SampleParts.OfProduct(input.Rows, rowsPerSample, (long)tiles.X * tiles.Y);
        bool direct = parts.Count == 1;
        long stride = direct ? weightGradient.Stride : (inputs + 3) & ~3, partStride = direct ? 0 : outputs * stride;
        nint target = direct ? weightGradient.Data.Address : Scratch(parts.Count * partStride * sizeof(float));
        // The absolute value of a product of two numbers is the product of theirs: samples of one row make a plain sum, in parts of any length.
        bool plain = rowsPerSample == 1;
        var arguments = new PerSampleProductArguments
        {
            OutputGradient = outputGradient.Data.Address,
            Input = input.Data.Address,
            Target = target,
            OutputGradientStride = outputGradient.Stride,
            InputStride = input.Stride,
            TargetStride = stride,
            PartStride = partStride,
            Rows = input.Rows,
            RowsPerSample = plain ? parts.RowsPerPart : rowsPerSample,
            RowsPerPart = parts.RowsPerPart,
            Outputs = outputs,
            Inputs = inputs,
            Packed = Packed(IsPacked(outputGradient) && IsPacked(input)),
            AbsoluteInputs = plain ? 1 : 0,
            Accumulate = direct ? 1 : 0,
        };
        Launch(PerSampleKernel, tiles with { Z = parts.Count }, arguments);
        if (!direct) AddParts(weightGradient, target, stride, partStride, parts.Count);
    }

    /// <summary>db += Σ rows of dY, or Σ_s |Σ rows of dY_s|.</summary>
    private void AddBiasGradient(DeviceSpan<float> biasGradient, Matrix outputGradient, GradientReduction reduction, int rowsPerSample)
    {
        bool plain = reduction == GradientReduction.AbsolutePerSample && rowsPerSample == 1;
        if (plain) reduction = GradientReduction.Sum;
        var sections = new ColumnSections(outputGradient.Rows, outputGradient.Columns, reduction, rowsPerSample);
        sections.Partials = Scratch(sections.Bytes(1));
        var arguments = new BiasGradientArguments { Sections = sections, OutputGradient = outputGradient, Absolute = plain ? 1 : 0 };
        Launch(LinearKernels.BiasGradient, sections.Grid, arguments);
        AddSections(sections, reduction, 1, biasGradient, default);
    }

    /// <summary>target += the parts, in order.</summary>
    private void AddParts(Matrix target, nint parts, long partRowStride, long partStride, int count)
    {
        Grid grid = RowLaunch.Elements(target.Rows, target.Columns, out int lanesLog2);
        var arguments = new AddPartsArguments
        {
            Target = target,
            Parts = new(parts, partRowStride),
            PartStride = partStride,
            Rows = target.Rows,
            Columns = target.Columns,
            Count = count,
            LanesLog2 = lanesLog2,
        };
        Launch(LinearKernels.AddParts, grid, arguments);
    }
}
