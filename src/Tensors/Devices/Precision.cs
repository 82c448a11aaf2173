namespace MergeEngine.Tensors;

/// <summary>
/// What matrix products, attention and per-sample products round their inputs to before they multiply. Sums are float32 in every mode, and
/// storage is float32: this trades accuracy for the tensor cores' speed, never memory layout.
/// </summary>
public enum Precision
{
    /// <summary>Float32 inputs, as on the CPU.</summary>
    Float32,

    /// <summary>TensorFloat-32: 8 bits of exponent, 10 of fraction.</summary>
    TF32,

    /// <summary>BFloat16: 8 bits of exponent, 7 of fraction.</summary>
    BF16,
}
