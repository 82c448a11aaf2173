namespace MergeEngine.Merging.Streaming.Probes;

/// <summary>How long merges of files take beside the files alone.</summary>
/// <param name="Method">Name in recipes.</param>
/// <param name="Seconds">Median of the rounds, from the first byte read to the last byte written; planning and the sync to disk at the end are apart.</param>
/// <param name="HashedSeconds">The same with the hashes of every input and output.</param>
/// <param name="CompleteSeconds">What finishing takes after that: hashes, sync, rename.</param>
/// <param name="FloorSeconds">To read the method's inputs once and write the output once, measured in the same rounds.</param>
/// <param name="ProcessorSeconds">Time of all processors together that the merge took, which says more than the clock where other programs run too.</param>
/// <param name="FloorProcessorSeconds">The same of the floor.</param>
/// <param name="PeakMemory">Most resident bytes of the process.</param>
public sealed record MergeRate(string Method, double Seconds, double HashedSeconds, double CompleteSeconds, double FloorSeconds, double ProcessorSeconds, double FloorProcessorSeconds, long PeakMemory)
{
    /// <summary>Seconds over those of the floor.</summary>
    public double Ratio => Seconds / FloorSeconds;

    /// <summary>The same with hashes.</summary>
    public double HashedRatio => HashedSeconds / FloorSeconds;
}
