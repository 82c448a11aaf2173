namespace MergeEngine.Tensors.Cpu;

/// <summary>Width of the vectors that the CPU kernels of a device use.</summary>
public enum SimdLevel
{
    /// <summary>128-bit vectors: SSE2 and up, or Arm AdvSimd.</summary>
    Vector128 = 128,

    /// <summary>256-bit vectors with fused multiply-add: AVX2 and FMA.</summary>
    Vector256 = 256,

    /// <summary>512-bit vectors: AVX-512 F, BW, DQ and VL.</summary>
    Vector512 = 512,
}
