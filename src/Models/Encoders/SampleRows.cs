using MergeEngine.Tensors.Operations;

namespace MergeEngine.Models.Encoders;

/// <summary>Samples of equally many tokens whose rows follow each other.</summary>
/// <param name="FirstSample">Number of the first sample.</param>
/// <param name="Samples">How many.</param>
/// <param name="FirstRow">First row of the first sample.</param>
/// <param name="Tokens">Rows of each sample.</param>
internal readonly record struct SampleRun(int FirstSample, int Samples, int FirstRow, int Tokens)
{
    public int Rows => checked(Samples * Tokens);
}

/// <summary>
/// How the rows of a batch are cut into samples: one run for images, which all have the same number of tokens, and one for each length of
/// texts, which lie packed without padding between them. What works row by row (linear layers, LayerNorm) runs once over all rows; what
/// belongs to a sample (attention, means, absolute gradients) runs once for each run. Used again from batch to batch.
/// </summary>
internal sealed class SampleRows
{
    private readonly SampleRun[] _whole = new SampleRun[1];
    private readonly SampleRun[] _single = new SampleRun[1];
    private SampleRun[] _runs = new SampleRun[1];
    private int _count;

    public int Samples { get; private set; }

    public int Rows { get; private set; }

    public ReadOnlySpan<SampleRun> Runs => _runs.AsSpan(0, _count);

    /// <summary>True if all samples have the same number of tokens.</summary>
    public bool IsUniform => _count == 1;

    public static SampleRows Uniform(int samples, int tokens)
    {
        var rows = new SampleRows();
        rows.Set(samples, tokens);
        return rows;
    }

    /// <summary>Makes them samples of one length.</summary>
    public void Set(int samples, int tokens)
    {
        Clear();
        Add(samples, tokens);
    }

    public void Clear() => _count = Samples = Rows = 0;

    /// <summary>Adds a run behind those that are there.</summary>
    public void Add(int samples, int tokens)
    {
        if (_count == _runs.Length) Array.Resize(ref _runs, 2 * _count);
        _runs[_count++] = new SampleRun(Samples, samples, Rows, tokens);
        Samples += samples;
        Rows = checked(Rows + (samples * tokens));
        _single[0] = new SampleRun(0, Samples, 0, 1);
        _whole[0] = new SampleRun(0, Rows, 0, 1);
    }

    /// <summary>The pieces in which a gradient is reduced: a plain sum takes all rows at once, absolute values go sample by sample.</summary>
    public ReadOnlySpan<SampleRun> Pieces(GradientReduction reduction) => IsUniform || reduction == GradientReduction.AbsolutePerSample ? Runs : _whole;

    /// <summary>One row a sample.</summary>
    public ReadOnlySpan<SampleRun> OneEach => _single;
}
