namespace MergeEngine.Merging.Experiments;

/// <summary>Where and how an experiment runs; none of it changes the results.</summary>
public sealed record ExperimentOptions
{
    /// <summary>Overrides the seed of the file.</summary>
    public ulong? Seed { get; init; }

    public IProgress<ExperimentProgress>? Progress { get; init; }

    public CancellationToken Cancellation { get; init; }
}
