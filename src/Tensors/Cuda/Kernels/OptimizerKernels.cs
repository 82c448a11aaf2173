using System.Runtime.InteropServices;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/optimizers.cuh</c>.</summary>
internal static class OptimizerKernels
{
    /// <summary>Elements of one block.</summary>
    public const int Block = 4096;

    public static readonly Kernel<AdamArguments> Adam = new("adam_step", 256);
    public static readonly Kernel<SgdArguments> Sgd = new("sgd_step", 256);
}

/// <summary>Clipping by the global norm, decided on the device.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct ClipArguments(in GradientClip clip)
{
    public readonly nint SquaredNorm = clip.SquaredNorm.Address;
    public readonly double MaxNorm = clip.MaxNorm;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AdamArguments
{
    public nint Parameters;
    public nint Gradients;
    public nint First;
    public nint Second;
    public ClipArguments Clip;
    public long Length;
    public AdamScalars With;
    public int Aligned;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SgdArguments
{
    public nint Parameters;
    public nint Gradients;
    public nint Momentum;
    public ClipArguments Clip;
    public long Length;
    public float Decay;
    public float Rate;
    public float Keep;
    public int Nesterov;
    public int IsFirst;
    public int Aligned;
}
