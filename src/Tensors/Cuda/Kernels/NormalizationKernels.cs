using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>LayerNorm and the normalisation of rows: <c>native/kernels/layer_norm_forward.cuh</c>, <c>layer_norm_backward.cuh</c>, <c>normalize_rows.cuh</c>.</summary>
internal static class NormalizationKernels
{
    /// <summary>Rows of a block, a warp each.</summary>
    public const int Warps = 4;

    /// <summary>Widest row that a warp holds in registers; the wide kernels take a block a row.</summary>
    public const int WidestForWarp = 1024;

    public static readonly Kernel<LayerNormForwardArguments> LayerNormForward = new("layer_norm_forward", 32 * Warps);
    public static readonly Kernel<LayerNormForwardArguments> LayerNormForwardWide = new("layer_norm_forward_wide", 256);
    public static readonly Kernel<LayerNormBackwardArguments> LayerNormBackward = new("layer_norm_backward", 32 * Warps);
    public static readonly Kernel<LayerNormBackwardArguments> LayerNormBackwardWide = new("layer_norm_backward_wide", 256);
    public static readonly Kernel<LayerNormSumsArguments> LayerNormSums = new("layer_norm_sums", RowLaunch.ColumnThreads);
    public static readonly Kernel<NormalizeRowsForwardArguments> NormalizeRowsForward = new("normalize_rows_forward", 32 * Warps);
    public static readonly Kernel<NormalizeRowsBackwardArguments> NormalizeRowsBackward = new("normalize_rows_backward", 32 * Warps);
}

[StructLayout(LayoutKind.Sequential)]
internal struct LayerNormForwardArguments
{
    public RowsArgument Output;
    public RowsArgument Input;
    public RowsArgument Residual;
    public RowsArgument Sum;
    public nint Weight;
    public nint Bias;
    public nint Mean;
    public nint InverseDeviation;
    public double InverseWidth;
    public double Epsilon;
    public int Rows;
    public int Columns;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LayerNormBackwardArguments
{
    public RowsArgument InputGradient;
    public RowsArgument OutputGradient;
    public RowsArgument Input;
    public nint Mean;
    public nint InverseDeviation;
    public nint Weight;
    public double InverseWidth;
    public int Rows;
    public int Columns;
    public int Accumulate;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct LayerNormSumsArguments
{
    public ColumnSections Sections;
    public RowsArgument OutputGradient;
    public RowsArgument Input;
    public nint Mean;
    public nint InverseDeviation;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NormalizeRowsForwardArguments
{
    public RowsArgument Output;
    public RowsArgument Input;
    public nint Norms;
    public int Rows;
    public int Columns;
}

[StructLayout(LayoutKind.Sequential)]
internal struct NormalizeRowsBackwardArguments
{
    public RowsArgument InputGradient;
    public RowsArgument OutputGradient;
    public RowsArgument Output;
    public nint Norms;
    public int Rows;
    public int Columns;
}
