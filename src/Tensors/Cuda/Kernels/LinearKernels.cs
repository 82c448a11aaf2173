namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>Kernels around matrix products: per-sample products, bias gradients, activations, rounding.</summary>
internal static class LinearKernels
{
    /// <summary>Columns and rows of the tile of dW that a block of the per-sample products owns.</summary>
    public const int PerSampleTile = 128;

    public static readonly Kernel<PerSampleProductArguments> PerSampleProduct = new("per_sample_product", 256);
    public static readonly Kernel<PerSampleProductArguments> PerSampleProductTF32 = new("per_sample_product_tf32", 256);
    public static readonly Kernel<PerSampleProductArguments> PerSampleProductBF16 = new("per_sample_product_bf16", 256);
    public static readonly Kernel<AddPartsArguments> AddParts = new("add_parts", RowLaunch.Threads);
    public static readonly Kernel<BiasGradientArguments> BiasGradient = new("bias_gradient", RowLaunch.ColumnThreads);
    public static readonly Kernel<BiasActivationArguments> BiasActivation = new("bias_activation", RowLaunch.Threads);
    public static readonly Kernel<ActivationDerivativeArguments> ActivationDerivativeProduct = new("activation_derivative_product", RowLaunch.Threads);
    public static readonly Kernel<RoundInputsArguments> RoundInputsBF16 = new("round_inputs_bf16", 256);
    public static readonly Kernel<ScaleMatrixArguments> ScaleMatrix = new("scale_matrix", 256);
}

/// <summary>As in native/kernels/per_sample_product.cuh.</summary>
internal struct PerSampleProductArguments
{
    public nint OutputGradient;
    public nint Input;
    public nint Target;
    public long OutputGradientStride;
    public long InputStride;
    public long TargetStride;
    public long PartStride;
    public int Rows;
    public int RowsPerSample;
    public int RowsPerPart;
    public int Outputs;
    public int Inputs;
    public int Packed;
    public int AbsoluteInputs;
    public int Accumulate;
}

/// <summary>As in native/kernels/add_parts.cuh.</summary>
internal struct AddPartsArguments
{
    public RowsArgument Target;
    public RowsArgument Parts;
    public long PartStride;
    public int Rows;
    public int Columns;
    public int Count;
    public int LanesLog2;
}

/// <summary>As in native/kernels/bias_gradient.cuh.</summary>
internal struct BiasGradientArguments
{
    public ColumnSections Sections;
    public RowsArgument OutputGradient;
    public long Absolute;
}

/// <summary>As in native/kernels/bias_activation.cuh.</summary>
internal struct BiasActivationArguments
{
    public RowsArgument Output;
    public RowsArgument PreActivation;
    public RowsArgument Product;
    public nint Bias;
    public int Rows;
    public int Columns;
    public int Activation;
    public int LanesLog2;
}

/// <summary>As in native/kernels/bias_activation.cuh.</summary>
internal struct ActivationDerivativeArguments
{
    public RowsArgument Gradient;
    public RowsArgument Product;
    public RowsArgument PreActivation;
    public int Rows;
    public int Columns;
    public int Activation;
    public int Accumulate;
    public int LanesLog2;
    public int Unused;
}

/// <summary>As in native/kernels/round_inputs.cuh.</summary>
internal struct RoundInputsArguments
{
    public nint Output;
    public nint Values;
    public long Stride;
    public long OutputStride;
    public long Rows;
    public int Columns;
    public int Packed;
}

/// <summary>As in native/kernels/scale_matrix.cuh.</summary>
internal struct ScaleMatrixArguments
{
    public nint Matrix;
    public long Stride;
    public long Rows;
    public long Columns;
    public float Factor;
    public int Unused;
}
