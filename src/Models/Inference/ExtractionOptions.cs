namespace MergeEngine.Models.Inference;

/// <summary>What <see cref="FeatureExtraction"/> keeps, and how it runs.</summary>
/// <param name="BatchSize">Samples that run at a time.</param>
public sealed record ExtractionOptions(int BatchSize)
{
    /// <summary>True to keep the input of the first block and the output of every block.</summary>
    public bool HiddenStates { get; init; }

    /// <summary>True to keep the output of the last block for every token of a text; false for one row a text alone.</summary>
    public bool Sequences { get; init; } = true;
}
