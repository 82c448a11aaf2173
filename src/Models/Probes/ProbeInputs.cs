using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;

namespace MergeEngine.Models.Probes;

/// <summary>A batch on the host, and the kind of encoder that it is for.</summary>
internal abstract class ProbeInputs(int samples)
{
    /// <summary>Of the linear head behind every encoder.</summary>
    public const int Classes = 10;

    public int Samples { get; } = samples;

    /// <summary>Multiplications and additions of one forward pass over the batch in products and attention, the head's included.</summary>
    public abstract double ForwardOperations { get; }

    /// <summary>The encoder with random weights.</summary>
    public abstract Encoder CreateEncoder(Device device);

    /// <summary>Puts inputs and labels into a batch of the encoder; allocates nothing from the second call on.</summary>
    public abstract void Send(Batch batch);

    /// <summary>Operations of one block on one sample, where all tokens are made.</summary>
    protected static double BlockOperations(double tokens, double width, double mlp) =>
        2 * ((4 * tokens * width * width) + (2 * tokens * tokens * width) + (2 * tokens * width * mlp));
}
