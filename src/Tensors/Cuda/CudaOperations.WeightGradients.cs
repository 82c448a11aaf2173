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
        bool hasWeight = !weightGradient.IsNone && weightGradient.Rows > 0 && weightGradient.Columns > 0;
        bool hasBias = !biasGradient.IsNone && outputGradient.Columns > 0, sum = reduction == GradientReduction.Sum;
        // Samples of one row: the absolute value of their sum is the sum of absolute values.
        bool plain = !sum && rowsPerSample == 1;
        var sections = hasBias ? new ColumnSections(outputGradient.Rows, outputGradient.Columns, plain ? GradientReduction.Sum : reduction, rowsPerSample) : default;
        long sectionBytes = hasBias ? sections.Bytes(1) : 0;
        lock (_device.Gate)
        {
            if (!hasWeight)
            {
                if (hasBias) AddBiasGradient(biasGradient, outputGradient, sections, Scratch(sectionBytes), reduction, plain);
                return;
            }

            if (!sum)
            {
                AddAbsoluteWeightGradients(weightGradient, outputGradient, input, rowsPerSample);
                if (hasBias) AddBiasGradient(biasGradient, outputGradient, sections, Scratch(sectionBytes), reduction, plain);
                return;
            }

            ProductInputs inputs = BeginProduct(outputGradient, input, sectionBytes);
            Multiply(new(weightGradient), inputs.A, inputs.B, transposeA: true, transposeB: false, alpha: 1, beta: 1);
            if (hasBias) AddBiasGradient(biasGradient, outputGradient, sections, inputs.More, reduction, plain);
            EndProduct(inputs);
        }
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
            Packed = new ProductOperand(outputGradient).IsPacked && new ProductOperand(input).IsPacked ? 1 : 0,
            AbsoluteInputs = plain ? 1 : 0,
            Accumulate = direct ? 1 : 0,
        };
        Launch(PerSampleKernel, tiles with { Z = parts.Count }, arguments);
        if (!direct) AddParts(weightGradient, target, stride, partStride, parts.Count);
    }

    /// <summary>db += Σ rows of dY, or Σ_s |Σ rows of dY_s|.</summary>
    private void AddBiasGradient(
        DeviceSpan<float> biasGradient, Matrix outputGradient, ColumnSections sections, nint partials, GradientReduction reduction, bool absolute)
    {
        sections.Partials = partials;
        var arguments = new BiasGradientArguments { Sections = sections, OutputGradient = outputGradient, Absolute = absolute ? 1 : 0 };
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
