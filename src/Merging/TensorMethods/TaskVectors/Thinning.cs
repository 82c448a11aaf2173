using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// Which elements of one model's difference d = x − base count, over one tensor that comes in chunks: by magnitude, where passes over the whole tensor find
/// the limits, or by drawing a mask for each chunk.
/// </summary>
internal abstract class Thinning
{
    /// <summary>A chunk starts and ends at multiples of so many elements.</summary>
    public virtual long Unit => 1;

    /// <summary>Whether every element counts, so that nothing needs to be found, drawn or rescaled.</summary>
    public virtual bool IsWhole => false;

    /// <summary>Whether limits are still sought.</summary>
    public virtual bool NeedsPass => false;

    /// <summary>Magnitudes that count, when no pass is needed any more.</summary>
    public virtual Selection Kept => Selection.All;

    /// <summary>Those among them that do not.</summary>
    public virtual Selection Dropped => Selection.None;

    /// <summary>Whether <see cref="Draw"/> decides.</summary>
    public virtual bool Draws => false;

    /// <summary>Whether <see cref="Draw"/> looks at the differences.</summary>
    public virtual bool DrawsByMagnitude => false;

    /// <summary>Bytes that the search may come to hold.</summary>
    public virtual long WorkingBytes => 0;

    /// <summary>What of them it takes as a rule.</summary>
    public virtual long ExpectedBytes => WorkingBytes;

    /// <summary>Shows a part of a sample of values and their origin to the search before its first pass, where the device searches differences.</summary>
    /// <param name="values">Pieces, one behind the other.</param>
    /// <param name="origin">The same of what is subtracted.</param>
    /// <param name="piece">Elements of a piece.</param>
    public virtual void Sample(DeviceSpan<float> values, DeviceSpan<float> origin, int piece)
    {
    }

    /// <summary>Ends the sample; one that is not whole is forgotten.</summary>
    public virtual void CompleteSample(bool isWhole)
    {
    }

    /// <summary>Shows a chunk to the search: values and their origin where the device searches differences, else the differences themselves.</summary>
    public virtual void Accumulate(OperationSet operations, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
    }

    public virtual void CompletePass()
    {
    }

    /// <summary>Gives back what the search holds, wherever it is.</summary>
    public virtual void Release()
    {
    }

    /// <summary>Writes the mask of a chunk, of values and their origin as <see cref="Accumulate"/> takes them.</summary>
    public virtual void Draw(OperationSet operations, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
    }

    /// <summary>
    /// The mask of a chunk, where this draws one, and the norms of a difference and of what counts of it; where the device searches differences.
    /// </summary>
    /// <param name="norms">Two sums of magnitudes, which have seen all chunks before.</param>
    /// <param name="operations">Of the device.</param>
    /// <param name="mask">What is drawn; <c>default</c> where nothing is.</param>
    /// <param name="values">The chunk.</param>
    /// <param name="origin">What it differs from.</param>
    /// <param name="firstIndex">Where the chunk begins.</param>
    public virtual void AddNorms(RunningSums norms, OperationSet operations, DeviceSpan<byte> mask, DeviceSpan<float> values, DeviceSpan<float> origin, long firstIndex)
    {
        if (Draws) Draw(operations, mask, values, origin, firstIndex);
        norms.AddThinned(values, origin, DifferenceTerm.Whole(1) with { Kept = Kept, Dropped = Dropped, Mask = mask });
    }

    /// <summary>The same choice over a whole difference in float64, at once.</summary>
    /// <param name="difference">The tensor's d.</param>
    /// <param name="counts">One for each element.</param>
    public abstract void Choose(ReadOnlySpan<double> difference, Span<bool> counts);

    /// <summary>Number of elements that a density keeps of <paramref name="length"/>: at least one, so that a tensor of few elements is not lost.</summary>
    public static long CountOf(double density, long length) => Math.Max(1, (long)(density * length));
}

/// <summary>Everything counts.</summary>
internal sealed class NoThinning : Thinning
{
    public override bool IsWhole => true;

    public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts) => counts.Fill(true);
}

/// <summary>Magnitudes inside fixed limits count.</summary>
internal sealed class LimitThinning(Selection kept) : Thinning
{
    public override Selection Kept => kept;

    public override void Choose(ReadOnlySpan<double> difference, Span<bool> counts)
    {
        for (int i = 0; i < difference.Length; i++) counts[i] = double.IsNaN(difference[i]) || kept.Contains(Math.Abs(difference[i]), i);
    }

    /// <summary>Nothing counts.</summary>
    public static LimitThinning Nothing { get; } = new(Selection.None);

    /// <summary>What is larger than <paramref name="limit"/> counts.</summary>
    public static LimitThinning Above(double limit) => new(new Selection(limit, -1));
}
