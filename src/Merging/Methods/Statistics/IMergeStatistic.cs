namespace MergeEngine.Merging.Methods.Statistics;

/// <summary>
/// Something about the whole model that adds up over its chunks: counts, histograms, sums. One that depends on what it learned before
/// (the digits of a radix selection) asks for several passes.
/// </summary>
internal interface IMergeStatistic
{
    bool IsComplete { get; }

    /// <summary>Passes that are still to come, at most: an upper bound that some models reach, and that each pass lowers by one at least.</summary>
    int MostPasses { get; }

    void Accumulate(in MergeChunk chunk);

    void CompletePass();
}
