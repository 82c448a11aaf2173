using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>Point-wise kernels: <c>native/kernels/activation.cuh</c>, <c>scale_columns.cuh</c>, <c>copy_matrix.cuh</c>.</summary>
internal static class ActivationKernels
{
    /// <summary>Elements of one thread of the activations.</summary>
    public const int PerThread = 4;

    public static readonly Kernel<ActivationForwardArguments> Forward = new("activation_forward", 256);
    public static readonly Kernel<ActivationBackwardArguments> Backward = new("activation_backward", 256);
    public static readonly Kernel<ScaleColumnsArguments> ScaleColumns = new("scale_columns", RowLaunch.Threads);
    public static readonly Kernel<ScaleColumnsSumsArguments> ScaleColumnsSums = new("scale_columns_sums", RowLaunch.ColumnThreads);
    public static readonly Kernel<CopyMatrixArguments> CopyMatrix = new("copy_matrix", RowLaunch.Threads);
}

[StructLayout(LayoutKind.Sequential)]
internal struct ActivationForwardArguments
{
    public nint Output;
    public nint Input;
    public long Length;
    public int Kind;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ActivationBackwardArguments
{
    public nint InputGradient;
    public nint OutputGradient;
    public nint Input;
    public long Length;
    public int Kind;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ScaleColumnsArguments
{
    public RowsArgument Output;
    public RowsArgument Input;
    public RowsArgument Residual;
    public nint Scale;
    public int Rows;
    public int Columns;
    public int LanesLog2;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ScaleColumnsSumsArguments
{
    public ColumnSections Sections;
    public RowsArgument OutputGradient;
    public RowsArgument Input;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CopyMatrixArguments
{
    public RowsArgument Output;
    public RowsArgument Source;
    public int Rows;
    public int Columns;
    public int Accumulate;
    public int LanesLog2;
}
