namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The kernels of <c>native/kernels/attention_*.cuh</c>, by precision and by the widest head that they take.</summary>
internal static class AttentionKernels
{
    private const int Threads = 128;

    public static readonly Kernel<AttentionOutputDotsArguments> OutputDots = new("attention_output_dots", Threads);

    public static readonly Kernel<AttentionForwardArguments> ForwardFloat32To32 = new("attention_forward_float32_32", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardFloat32To64 = new("attention_forward_float32_64", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardFloat32To128 = new("attention_forward_float32_128", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardFloat32To256 = new("attention_forward_float32_256", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardTF32To32 = new("attention_forward_tf32_32", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardTF32To64 = new("attention_forward_tf32_64", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardTF32To128 = new("attention_forward_tf32_128", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardBF16To32 = new("attention_forward_bf16_32", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardBF16To64 = new("attention_forward_bf16_64", Threads);
    public static readonly Kernel<AttentionForwardArguments> ForwardBF16To128 = new("attention_forward_bf16_128", Threads);

    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsFloat32To32 = new("attention_key_value_gradients_float32_32", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsFloat32To64 = new("attention_key_value_gradients_float32_64", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsFloat32To128 = new("attention_key_value_gradients_float32_128", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsFloat32To256 = new("attention_key_value_gradients_float32_256", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsTF32To32 = new("attention_key_value_gradients_tf32_32", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsTF32To64 = new("attention_key_value_gradients_tf32_64", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsTF32To128 = new("attention_key_value_gradients_tf32_128", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsBF16To32 = new("attention_key_value_gradients_bf16_32", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsBF16To64 = new("attention_key_value_gradients_bf16_64", Threads);
    public static readonly Kernel<AttentionBackwardArguments> KeyValueGradientsBF16To128 = new("attention_key_value_gradients_bf16_128", Threads);

    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsFloat32To32 = new("attention_query_gradients_float32_32", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsFloat32To64 = new("attention_query_gradients_float32_64", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsFloat32To128 = new("attention_query_gradients_float32_128", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsFloat32To256 = new("attention_query_gradients_float32_256", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsTF32To32 = new("attention_query_gradients_tf32_32", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsTF32To64 = new("attention_query_gradients_tf32_64", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsTF32To128 = new("attention_query_gradients_tf32_128", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsBF16To32 = new("attention_query_gradients_bf16_32", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsBF16To64 = new("attention_query_gradients_bf16_64", Threads);
    public static readonly Kernel<AttentionBackwardArguments> QueryGradientsBF16To128 = new("attention_query_gradients_bf16_128", Threads);

    /// <summary>The widest head that any kernel takes.</summary>
    public const int LargestHead = 256;

    /// <summary>The widest head that the kernels of the tensor cores take; wider ones are computed in float32 in every precision.</summary>
    public const int LargestTensorHead = 128;

    private static readonly AttentionVariant[] s_float32 =
    [
        AttentionVariant.Float32(32, ForwardFloat32To32, KeyValueGradientsFloat32To32, QueryGradientsFloat32To32, forward: (8, 2), backward: (8, 2)),
        AttentionVariant.Float32(64, ForwardFloat32To64, KeyValueGradientsFloat32To64, QueryGradientsFloat32To64, forward: (8, 2), backward: (4, 2)),
        AttentionVariant.Float32(128, ForwardFloat32To128, KeyValueGradientsFloat32To128, QueryGradientsFloat32To128, forward: (8, 2), backward: (4, 2)),
        AttentionVariant.Float32(256, ForwardFloat32To256, KeyValueGradientsFloat32To256, QueryGradientsFloat32To256, forward: (4, 1), backward: (2, 1)),
    ];

    private static readonly AttentionVariant[] s_tf32 =
    [
        AttentionVariant.TF32(32, ForwardTF32To32, KeyValueGradientsTF32To32, QueryGradientsTF32To32, forward: 64, backward: 32),
        AttentionVariant.TF32(64, ForwardTF32To64, KeyValueGradientsTF32To64, QueryGradientsTF32To64, forward: 64, backward: 32),
        AttentionVariant.TF32(128, ForwardTF32To128, KeyValueGradientsTF32To128, QueryGradientsTF32To128, forward: 32, backward: 16),
    ];

    private static readonly AttentionVariant[] s_bf16 =
    [
        AttentionVariant.BF16(32, ForwardBF16To32, KeyValueGradientsBF16To32, QueryGradientsBF16To32, forward: 64, backward: 32),
        AttentionVariant.BF16(64, ForwardBF16To64, KeyValueGradientsBF16To64, QueryGradientsBF16To64, forward: 64, backward: 32),
        AttentionVariant.BF16(128, ForwardBF16To128, KeyValueGradientsBF16To128, QueryGradientsBF16To128, forward: 64, backward: 32),
    ];

    /// <summary>The narrowest kernels that take heads of that size.</summary>
    /// <exception cref="NotSupportedException">No kernel does.</exception>
    public static AttentionVariant For(Precision precision, int headSize)
    {
        AttentionVariant[] variants = headSize > LargestTensorHead ? s_float32 : precision switch
        {
            Precision.TF32 => s_tf32,
            Precision.BF16 => s_bf16,
            _ => s_float32,
        };
        foreach (AttentionVariant variant in variants)
        {
            if (headSize <= variant.Width) return variant;
        }

        throw new NotSupportedException($"Attention on a CUDA device takes heads of up to {LargestHead} columns; these have {headSize}.");
    }
}
