using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>As in <c>native/kernels/attention.cuh</c>, where the fields are described.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionForwardArguments
{
    public nint Output, LogSumExp, Query, Key, Value, KeyMask;
    public int OutputStride, QueryStride, KeyStride, ValueStride;
    public int Tokens, Heads, Size, Causal, Packets;
    public float Scale;
}

/// <inheritdoc cref="AttentionForwardArguments"/>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionBackwardArguments
{
    public nint QueryGradient, KeyGradient, ValueGradient, OutputGradient, Query, Key, Value, LogSumExp, OutputDots, KeyMask;
    public int QueryGradientStride, KeyGradientStride, ValueGradientStride, OutputGradientStride, QueryStride, KeyStride, ValueStride;
    public int Tokens, Heads, Size, Causal, Packets;
    public float Scale;
    public int Unused;
}

/// <summary>As in <c>native/kernels/attention_output_dots.cuh</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionOutputDotsArguments
{
    public nint OutputGradient, Output, Dots;
    public long Rows;
    public int OutputGradientStride, OutputStride, Tokens, Heads, Size, Unused;
}
