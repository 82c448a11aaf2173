using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/weights.cuh</c>.</summary>
internal static class WeightKernels
{
    /// <summary>Elements of a block.</summary>
    public const int Block = 1024;

    public static readonly Kernel<MergeWeightedArguments> MergeWeighted = new("merge_weighted", 256);
    public static readonly Kernel<CompetitionArguments> CompetitionScores = new("competition_scores", 256);
    public static readonly Kernel<CompetitionArguments> MergeCompetition = new("merge_competition", 256);
}

[StructLayout(LayoutKind.Sequential)]
internal struct WeightedValues
{
    public nint Values;
    public nint Weights;
    public double Factor;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MergeWeightedArguments
{
    public nint Output;
    public nint Origin;
    public nint Table;
    public long Length;
    public double Floor;
    public long Count;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CompetitionInput
{
    public nint Values;
    public double Low;
    public double High;
    public double Threshold;
    public double Most;
    public double Factor;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CompetitionArguments
{
    public nint Scores;
    public nint Output;
    public nint Origin;
    public nint Table;
    public long Length;
    public double Scale;
    public double Least;
    public int Count;
    public int Index;
}
