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

            SampleParts parts = sum ? default : SampleParts.OfProduct(input.Rows, rowsPerSample, weightGradient.Rows, weightGradient.Columns);
            // What comes after the product may use its parts' memory: work is done in the order of the calls.
            ProductInputs inputs = BeginProduct(outputGradient, input, Math.Max(sectionBytes, parts.Bytes));
            if (sum) Multiply(new(weightGradient), inputs.A, inputs.B, transposeA: true, transposeB: false, alpha: 1, beta: 1);
            else AddAbsoluteProducts(weightGradient, inputs, parts, rowsPerSample);
            if (hasBias) AddBiasGradient(biasGradient, outputGradient, sections, inputs.More, reduction, plain);
            EndProduct(inputs);
        }
    }

    /// <summary>dW += Σ_s |dY_sᵀ·X_s|.</summary>
    private void AddAbsoluteProducts(Matrix weightGradient, in ProductInputs inputs, in SampleParts parts, int rowsPerSample)
    {
        int outputs = weightGradient.Rows, columns = weightGradient.Columns;
        bool direct = parts.Count == 1;
        // The absolute value of a product of two numbers is the product of theirs: samples of one row make a plain sum, in parts of any length.
        bool plain = rowsPerSample == 1;
        var arguments = new PerSampleProductArguments
        {
            OutputGradient = inputs.A.Address,
            Input = inputs.B.Address,
            Target = direct ? weightGradient.Data.Address : inputs.More,
            OutputGradientStride = inputs.A.Stride,
            InputStride = inputs.B.Stride,
            TargetStride = direct ? weightGradient.Stride : parts.RowStride,
            PartStride = parts.Stride,
            Rows = inputs.B.Rows,
            RowsPerSample = plain ? parts.RowsPerPart : rowsPerSample,
            RowsPerPart = parts.RowsPerPart,
            Outputs = outputs,
            Inputs = columns,
            Packed = inputs.A.IsPacked && inputs.B.IsPacked ? 1 : 0,
            AbsoluteInputs = plain ? 1 : 0,
            Accumulate = direct ? 1 : 0,
        };
        Launch(PerSampleKernel, new Grid(parts.ColumnTiles, parts.RowTiles, parts.Count), arguments);
        if (!direct) AddParts(weightGradient, inputs.More, parts.RowStride, parts.Stride, parts.Count);
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
