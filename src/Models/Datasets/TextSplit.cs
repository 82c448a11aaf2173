namespace MergeEngine.Models.Datasets;

/// <summary>Texts as token ids in host memory.</summary>
public sealed class TextSplit : DatasetSplit
{
    private readonly int[] _labels;

    /// <param name="source">The file, for messages.</param>
    /// <param name="name">Name of the split.</param>
    /// <param name="tokens">The texts.</param>
    /// <param name="labels">[count], or empty.</param>
    /// <param name="columns">Tokens of a row where the file has rows of one length; 0 for those of the longest text.</param>
    public TextSplit(string source, string name, TokenTable tokens, int[] labels, int columns = 0)
        : base(source, name)
    {
        Tokens = tokens;
        _labels = labels;
        Columns = Math.Max(columns, tokens.MaxLength);
    }

    public TokenTable Tokens { get; }

    /// <summary>Tokens of a row of what is made of the texts: those of the file's rows, else of the longest text.</summary>
    public int Columns { get; }

    public override TextSplit Texts => this;

    public override int Count => Tokens.Count;

    public override ReadOnlySpan<int> Labels => _labels;

    public override void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default)
    {
        if (batch is not TextBatch target) throw new ModelException($"{Source}: the split {Name} has texts, expected samples of another kind for this model.");
        target.Fill(Tokens, indices, _labels);
    }

    /// <summary>Why a model cannot take the texts, as the end of a sentence; null if it can.</summary>
    internal string? FindFault(in TokenLimits limits)
    {
        for (int i = 0; i < Tokens.Count; i++)
        {
            if (limits.FindFault(Tokens.Ids(i), Tokens.Types(i)) is { } fault) return $"{fault}, in row {i}";
        }

        return null;
    }
}
