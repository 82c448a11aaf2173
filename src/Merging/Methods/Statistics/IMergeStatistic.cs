namespace MergeEngine.Merging.Methods.Statistics;

/// <summary>
/// Something about the whole model that adds up over its chunks: counts, histograms, sums. One that depends on what it learned before
/// (the digits of a radix selection) asks for several passes.
/// </summary>
internal interface IMergeStatistic
{
    bool IsComplete { get; }

    void Accumulate(in MergeChunk chunk);

    void CompletePass();
}
