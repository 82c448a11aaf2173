using MergeEngine.Merging.Methods.Statistics;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// The state of one merge. While <see cref="NeedsPass"/>: every chunk of the model goes to <see cref="Accumulate"/>, then
/// <see cref="CompletePass"/>. After that every chunk goes to <see cref="Map"/>.
/// </summary>
public abstract class MergePlan : IDisposable
{
    /// <summary>Whether the statistics want to see the whole model (once more).</summary>
    public abstract bool NeedsPass { get; }

    /// <summary>Adds one chunk to the statistic of this pass.</summary>
    public abstract void Accumulate(in MergeChunk chunk);

    /// <summary>Ends a pass over all chunks.</summary>
    public abstract void CompletePass();

    /// <summary>Writes the merged elements of one chunk to its output.</summary>
    public abstract void Map(in MergeChunk chunk);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>A plan whose statistics are taken one after another, each in as many passes as it wants.</summary>
internal abstract class SequencePlan(params IReadOnlyList<IMergeStatistic> statistics) : MergePlan
{
    public override bool NeedsPass => Current is not null;

    private IMergeStatistic? Current => statistics.FirstOrDefault(s => !s.IsComplete);

    public override void Accumulate(in MergeChunk chunk) => Current!.Accumulate(chunk);

    public override void CompletePass() => Current!.CompletePass();
}
