using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// What happens to each element of a matrix product while its tile is in the cache, after the last part of the sum. The default value does nothing.
/// </summary>
/// <remarks>
/// Forward: z = product + bias[column]; z is stored in <see cref="PreActivation"/> if that is given; the result is activation(z).
/// Backward: the product is multiplied by activation'(z), z read from <see cref="PreActivation"/>, before old values of C are added.
/// </remarks>
internal readonly unsafe struct Epilogue
{
    /// <summary>n floats, or null.</summary>
    public readonly float* Bias;

    /// <summary>m rows of n floats, <see cref="PreActivationStride"/> apart, or null: written in a forward, read in a backward epilogue.</summary>
    public readonly float* PreActivation;
    public readonly nint PreActivationStride;
    public readonly Activation Activation;
    public readonly bool IsBackward;

    private Epilogue(float* bias, float* preActivation, nint stride, Activation activation, bool backward)
    {
        Bias = bias;
        PreActivation = preActivation;
        PreActivationStride = stride;
        Activation = activation;
        IsBackward = backward;
    }

    /// <summary>True when there is nothing to do.</summary>
    public bool IsEmpty => Bias == null && PreActivation == null && Activation == Activation.None;

    /// <summary>Adds a bias (may be null), stores the sum (if <paramref name="preActivation"/> is not null), applies the activation.</summary>
    public static Epilogue Forward(
        float* bias, Activation activation = Activation.None, float* preActivation = null, nint preActivationStride = 0) =>
        new(bias, preActivation, preActivationStride, activation, backward: false);

    /// <summary>Multiplies by the activation's derivative at the stored <paramref name="preActivation"/>.</summary>
    public static Epilogue Backward(Activation activation, float* preActivation, nint preActivationStride) =>
        activation == Activation.None ? default : new(null, preActivation, preActivationStride, activation, backward: true);
}
