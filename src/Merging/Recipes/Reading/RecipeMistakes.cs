using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>What is wrong with the text of a recipe file: all mistakes are counted, and the first by place are kept, so that a large file of one mistake stays a short list.</summary>
internal sealed class RecipeMistakes
{
    /// <summary>Most sentences that are told; about what a terminal shows at once.</summary>
    public const int MostTold = 20;

    private readonly List<YamlException> _told = [];
    private int _count;

    public void Add(YamlException mistake)
    {
        // What is wrong with an anchor's value is wrong wherever an alias repeats it, and is one mistake.
        if (_told.Exists(t => (t.Place.IsOfAlias || mistake.Place.IsOfAlias) && SentenceOf(t).SequenceEqual(SentenceOf(mistake)))) return;
        _count++;
        int at = 1 + _told.FindLastIndex(t => (t.Place.Line, t.Place.Column).CompareTo((mistake.Place.Line, mistake.Place.Column)) <= 0);
        _told.Insert(at, mistake);
        if (_told.Count > MostTold) _told.RemoveAt(MostTold);
    }

    /// <exception cref="YamlException">There are mistakes.</exception>
    public void ThrowIfAny()
    {
        if (_count > 0) throw new YamlException(_told, _count - _told.Count);
    }

    /// <summary>The message without its place.</summary>
    private static ReadOnlySpan<char> SentenceOf(YamlException mistake) => mistake.Message.AsSpan(mistake.Place.ToString().Length);
}
