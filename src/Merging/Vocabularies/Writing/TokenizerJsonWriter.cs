using System.Globalization;
using System.Text;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Vocabularies.Reading;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies.Writing;

/// <summary>
/// A tokenizer.json after tokens came or went: its vocabulary, merges and added tokens are changed, and all else stays as it is, byte for byte. New ordinary tokens go into
/// the subword model with the rules of the model that they come from.
/// </summary>
internal static class TokenizerJsonWriter
{
    // What sentencepiece gives to unknown signs, below the worst of the scores.
    private const double BelowWorst = 10;

    /// <exception cref="IOException">A file cannot be read.</exception>
    public static byte[] Write(TokenizerJson file, OutputTokens tokens, IReadOnlyList<VocabularyModel> models, PlanFindings findings)
    {
        var parts = new List<(int Start, int End, Action<Stream> Write)>();
        bool isList = file.Scores.Count > 0;
        List<KeyValuePair<string, int>> more = NewInModel(file, tokens, isList);
        Dictionary<string, double> scores = isList && more.Count > 0 ? SubwordRules.NewScores(tokens, models) : [];
        double worst = isList ? file.Scores.Min() - BelowWorst : 0;
        parts.Add((file.VocabularyItems.Start, file.VocabularyItems.End, to => file.VocabularyItems.Write(
            file.Bytes, to, i => tokens.Keeps(file.Ordinary[i].Key), more.Select(t => Utf8(isList ? Piece(t.Key, scores.GetValueOrDefault(t.Key, worst)) : $"{JsonText.Write(t.Key)}: {t.Value}")))));

        byte[][] added = [.. tokens.NewAdded.Select(t => Utf8(Json(t)))];
        if (file.AddedItems is { } items) parts.Add((items.Start, items.End, to => items.Write(file.Bytes, to, i => tokens.Keeps(file.Added[i].Text), added)));
        else if (added.Length > 0)
        {
            int brace = Array.IndexOf(file.Bytes, (byte)'{') + 1;
            parts.Add((brace, brace, to => to.Write(Utf8($"\"added_tokens\": [{string.Join(", ", added.Select(Encoding.UTF8.GetString))}],"))));
        }

        if (file.MergeItems is { } merges) AddMerges(file, merges, tokens, models, findings, parts);
        var stream = new MemoryStream(file.Bytes.Length);
        int written = 0;
        foreach ((int start, int end, Action<Stream> write) in parts.OrderBy(p => p.Start))
        {
            stream.Write(file.Bytes.AsSpan(written, start - written));
            write(stream);
            written = end;
        }

        stream.Write(file.Bytes.AsSpan(written));
        return stream.ToArray();
    }

    /// <summary>
    /// What the model's own vocabulary gets: new ordinary tokens, and, where readers of the file would otherwise give added tokens other ids, those too. (Readers take an added token's id
    /// from the vocabulary; one that is not there gets the next id behind the vocabulary and the added tokens before it.)
    /// </summary>
    private static List<KeyValuePair<string, int>> NewInModel(TokenizerJson file, OutputTokens tokens, bool isList)
    {
        HashSet<string> inModel = file.Ordinary.Select(t => t.Key).Where(tokens.Keeps).ToHashSet(StringComparer.Ordinal);
        List<KeyValuePair<string, int>> more = [.. tokens.NewOrdinary];
        AddedToken[] added = [.. file.Added.Where(t => tokens.Keeps(t.Text)), .. tokens.NewAdded];
        if (isList)
        {
            // The place in the list is the id.
            int highest = more.Count > 0 ? more[^1].Value : IdsAgree(added, inModel, more) ? -1 : tokens.Rows - 1;
            Dictionary<int, string> byId = tokens.Ids.ToDictionary(t => t.Value, t => t.Key);
            return [.. Enumerable.Range(inModel.Count, Math.Max(0, highest + 1 - inModel.Count)).Select(i => KeyValuePair.Create(byId.GetValueOrDefault(i, $"<unused{i}>"), i))];
        }

        if (!IdsAgree(added, inModel, more)) more.AddRange(added.Where(t => !inModel.Contains(t.Text)).Select(t => KeyValuePair.Create(t.Text, t.Id)));
        return more;
    }

    private static bool IdsAgree(AddedToken[] added, HashSet<string> inModel, List<KeyValuePair<string, int>> more)
    {
        int size = inModel.Count + more.Count, highest = -1;
        foreach (AddedToken token in added)
        {
            int id = inModel.Contains(token.Text) ? token.Id : highest >= size ? highest + 1 : size;
            if (id != token.Id) return false;
            highest = Math.Max(highest, id);
        }

        return true;
    }

    private static void AddMerges(
        TokenizerJson file, JsonItems merges, OutputTokens tokens, IReadOnlyList<VocabularyModel> models, PlanFindings findings, List<(int Start, int End, Action<Stream> Write)> parts)
    {
        List<(string Left, string Right)> more = tokens.NewOrdinary.Count == 0 ? [] : SubwordRules.NewMerges(tokens, models, file.Prefix);
        bool checks = file.Ordinary.Exists(t => !tokens.Keeps(t.Key));
        if (more.Count == 0 && !checks) return;
        if (more.Count > 0) findings.Note($"{Counting.Of(more.Count, "merge for new tokens stands", "merges for new tokens stand")} behind those of {file.Path}, so that texts are cut into the new tokens where the older merges leave pieces.");
        // The older form, one string with a space, has no room for parts with spaces.
        bool isText = merges.Items.Count > 0 && file.Bytes[merges.Items[0].Start] == (byte)'"';
        parts.Add((merges.Start, merges.End, to => merges.Write(
            file.Bytes, to, i => !checks || Keeps(i), more.Where(m => !isText || !(m.Left + m.Right).Contains(' ', StringComparison.Ordinal)).Select(m => Utf8(isText ? JsonText.Write($"{m.Left} {m.Right}") : $"[{JsonText.Write(m.Left)}, {JsonText.Write(m.Right)}]")))));

        bool Keeps(int index)
        {
            (string left, string right) = file.MergeAt(index);
            return tokens.Has(left) && tokens.Has(right) && tokens.Has(SubwordRules.Product(left, right, file.Prefix));
        }
    }

    private static string Piece(string text, double score) => $"[{JsonText.Write(text)}, {score.ToString("R", CultureInfo.InvariantCulture)}]";

    private static string Json(AddedToken token) =>
        $$"""{"id": {{token.Id}}, "content": {{JsonText.Write(token.Text)}}, "single_word": {{Flag(token.SingleWord)}}, "lstrip": {{Flag(token.LeftStrip)}}, "rstrip": {{Flag(token.RightStrip)}}, "normalized": {{Flag(token.Normalized)}}, "special": {{Flag(token.Special)}}}""";

    private static string Flag(bool value) => value ? "true" : "false";

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
