using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/probes.cuh</c>.</summary>
internal static class ProbeKernels
{
    /// <summary>Bytes that one block copies.</summary>
    public const int CopyBlock = 16 * 1024;

    /// <summary>Products of one round in each thread, or in each warp.</summary>
    public const int Chains = 8;

    public static readonly Kernel<CopyProbeArguments> Copy = new("probe_copy", 256);
    public static readonly Kernel<ArithmeticProbeArguments> MultiplyAdds = new("probe_multiply_adds", 256);
    public static readonly Kernel<ArithmeticProbeArguments> Tf32 = new("probe_tf32", 256);
    public static readonly Kernel<ArithmeticProbeArguments> Bf16 = new("probe_bf16", 256);
}

[StructLayout(LayoutKind.Sequential)]
internal struct CopyProbeArguments
{
    public nint Source;
    public nint Target;
    public long Packets;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ArithmeticProbeArguments
{
    public nint Result;
    public int Rounds;
    public float Factor;
}
