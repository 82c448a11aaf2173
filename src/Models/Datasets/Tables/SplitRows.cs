using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Tables;

/// <summary>The rows of one split while they are read: their labels become classes when all of them are known.</summary>
internal sealed class SplitRows(string path, string name)
{
    private readonly TokenTable _tokens = new();
    private readonly List<int> _labels = [];
    private readonly Dictionary<int, long> _firstLines = [];

    public string Name { get; } = name;

    /// <summary>Numbers of the labels that occur.</summary>
    public IReadOnlyCollection<int> Seen => _firstLines.Keys;

    public void Add(TokenSequence tokens, int label, long line)
    {
        _tokens.Add(tokens.Ids, tokens.TypeIds);
        _labels.Add(label);
        _firstLines.TryAdd(label, line);
    }

    /// <exception cref="ModelException">A label is no class; the message names its first line.</exception>
    public TextSplit ToSplit(int[] classOf, LabelNames labels, IReadOnlyList<string> classes)
    {
        foreach ((int label, long line) in _firstLines.OrderBy(seen => seen.Value))
        {
            if (classOf[label] < 0) throw new ModelException($"{path}: line {line} has the label {Quoting.Quote(labels[label])}, expected {LabelNames.Describe(classes)}.");
        }

        return new TextSplit(path, Name, _tokens, [.. _labels.Select(label => classOf[label])]);
    }
}
