namespace MergeEngine.Tensors;

/// <summary>
/// What is rounded before it is multiplied. On a GPU: the inputs of matrix products, attention and per-sample products, while storage stays float32, so
/// that it trades accuracy for the tensor cores' speed and never changes a memory layout. On a CPU: the weights that are packed for inference
/// (<see cref="Parameters.ParameterVector.Pack"/>), stored in half the bytes, while activations and everything that is not packed stay float32.
/// Sums are float32 in every mode.
/// </summary>
public enum Precision
{
    /// <summary>Nothing is rounded.</summary>
    Float32,

    /// <summary>TensorFloat-32: 8 bits of exponent, 10 of fraction. GPUs only.</summary>
    TF32,

    /// <summary>BFloat16: 8 bits of exponent, 7 of fraction.</summary>
    BF16,
}
