using MergeEngine.Merging.Vocabularies.Reading;

namespace MergeEngine.Merging.Vocabularies.Writing;

/// <summary>By what rules of the other models new ordinary tokens come out of a text: merges of BPE, scores of Unigram.</summary>
internal static class SubwordRules
{
    /// <summary>
    /// The merges whose product is a new token and whose parts the output has, model by model in their own order. Behind the merges of the first vocabulary they
    /// act only where those are exhausted.
    /// </summary>
    /// <param name="tokens">The output's tokens.</param>
    /// <param name="models">The models of a union.</param>
    /// <param name="prefix">What parts inside a word begin with.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static List<(string Left, string Right)> NewMerges(OutputTokens tokens, IReadOnlyList<VocabularyModel> models, string prefix)
    {
        HashSet<string> wanted = tokens.NewOrdinary.Select(t => t.Key).ToHashSet(StringComparer.Ordinal);
        var merges = new List<(string, string)>();
        var known = new HashSet<(string, string)>();
        foreach (VocabularyModel model in Owners(models, wanted))
        {
            foreach ((string left, string right) in MergesOf(model, prefix))
            {
                string product = Product(left, right, prefix);
                if (wanted.Contains(product) && tokens.Ids.ContainsKey(left) && tokens.Ids.ContainsKey(right) && known.Add((left, right))) merges.Add((left, right));
            }
        }

        return merges;
    }

    /// <summary>What a merge gives.</summary>
    public static string Product(string left, string right, string prefix) =>
        left + (prefix.Length > 0 && right.StartsWith(prefix, StringComparison.Ordinal) ? right[prefix.Length..] : right);

    /// <summary>The scores that the other models have for new tokens.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static Dictionary<string, double> NewScores(OutputTokens tokens, IReadOnlyList<VocabularyModel> models)
    {
        HashSet<string> wanted = tokens.NewOrdinary.Select(t => t.Key).ToHashSet(StringComparer.Ordinal);
        var scores = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (VocabularyModel model in Owners(models, wanted).Where(m => m.Vocabulary.Model == "Unigram"))
        {
            TokenizerJson? file = Open(model);
            for (int i = 0; file is not null && i < file.Scores.Count; i++)
            {
                if (wanted.Contains(file.Ordinary[i].Key)) scores.TryAdd(file.Ordinary[i].Key, file.Scores[i]);
            }
        }

        return scores;
    }

    /// <summary>Lines of a merges.txt; those that are no merges are null.</summary>
    public static IEnumerable<(string Left, string Right)?> Parse(IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            bool isMerge = !line.StartsWith("#version", StringComparison.Ordinal) && space > 0 && space < line.Length - 1 && line.LastIndexOf(' ') == space;
            yield return isMerge ? (line[..space], line[(space + 1)..]) : null;
        }
    }

    private static IEnumerable<VocabularyModel> Owners(IReadOnlyList<VocabularyModel> models, HashSet<string> wanted) =>
        models.DistinctBy(m => m.Vocabulary, ReferenceEqualityComparer.Instance).Where(m => m.Vocabulary.Tokens.Any(t => wanted.Contains(t.Key)));

    private static IEnumerable<(string Left, string Right)> MergesOf(VocabularyModel model, string prefix)
    {
        if (Open(model) is { } file)
        {
            if (file.Model != "BPE" || file.Prefix != prefix) yield break;
            for (int i = 0; i < (file.MergeItems?.Items.Count ?? 0); i++) yield return file.MergeAt(i);
        }
        else if (TokenizerFiles.TryRead(model.Directory, TokenizerFiles.Merges) is { } text && prefix.Length == 0)
        {
            foreach ((string, string)? merge in Parse(TextLines.Read(text, Path.Combine(model.Directory, TokenizerFiles.Merges))))
            {
                if (merge is { } rule) yield return rule;
            }
        }
    }

    private static TokenizerJson? Open(VocabularyModel model) =>
        TokenizerFiles.TryRead(model.Directory, TokenizerFiles.TokenizerJson) is { } bytes ? TokenizerJson.Parse(bytes, Path.Combine(model.Directory, TokenizerFiles.TokenizerJson)) : null;
}
