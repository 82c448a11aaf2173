using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Vocabularies.Reading;

namespace MergeEngine.Merging.Vocabularies.Writing;

/// <summary>The tokenizer files of the output: those of the model that its vocabulary begins with, changed where tokens came or went.</summary>
internal static class TokenizerOutput
{
    /// <param name="directory">Where the files to begin with are.</param>
    /// <param name="tokens">The output's tokens.</param>
    /// <param name="models">The models whose tokens they are.</param>
    /// <param name="findings">Where files that are left out are noted.</param>
    /// <returns>All tokenizer files, by name.</returns>
    /// <exception cref="IOException">A file cannot be read; one sentence.</exception>
    public static Dictionary<string, ReadOnlyMemory<byte>> Write(string directory, OutputTokens tokens, IReadOnlyList<VocabularyModel> models, PlanFindings findings)
    {
        var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (string name in TokenizerFiles.Names)
        {
            if (TokenizerFiles.TryRead(directory, name) is { } bytes) files.Add(name, bytes);
        }

        if (tokens.Removed == 0 && tokens.NewOrdinary.Count == 0 && tokens.NewAdded.Count == 0) return files;
        bool ordinary = tokens.NewOrdinary.Count > 0 || tokens.Start.Tokens.Any(t => t.Value >= tokens.Limit && !tokens.Start.Added.ContainsKey(t.Key));
        foreach (string name in files.Keys.ToArray())
        {
            byte[] bytes = files[name].ToArray();
            string path = Path.Combine(directory, name);
            if (name == TokenizerFiles.TokenizerJson) files[name] = TokenizerJsonWriter.Write(TokenizerJson.Parse(bytes, path), tokens, models, findings);
            else if (name == TokenizerFiles.VocabJson) files[name] = WriteObject(bytes, path, tokens, tokens.NewOrdinary);
            else if (name == TokenizerFiles.AddedTokens) files[name] = WriteObject(bytes, path, tokens, tokens.NewAdded.Select(t => KeyValuePair.Create(t.Text, t.Id)));
            else if (name == TokenizerFiles.VocabText) files[name] = WriteLines(TextLines.Read(bytes, path), tokens);
            else if (name == TokenizerFiles.Merges) files[name] = WriteMerges(TextLines.Read(bytes, path), tokens, models);
            else if (name is TokenizerFiles.Config or TokenizerFiles.SpecialTokensMap) files[name] = TokenizerConfigWriter.Write(bytes, path, tokens);
            else if (ordinary && TokenizerFiles.Opaque.Contains(name))
            {
                files.Remove(name);
                findings.Note($"{path} is left out: it does not have the vocabulary of the output, and {TokenizerFiles.TokenizerJson} does.");
            }
        }

        if (!files.ContainsKey(TokenizerFiles.TokenizerJson) && !files.ContainsKey(TokenizerFiles.AddedTokens) && tokens.NewAdded.Count > 0)
            files[TokenizerFiles.AddedTokens] = WriteObject("{}"u8.ToArray(), TokenizerFiles.AddedTokens, tokens, tokens.NewAdded.Select(t => KeyValuePair.Create(t.Text, t.Id)));
        return files;
    }

    /// <summary>A file of one object from token to id.</summary>
    private static byte[] WriteObject(byte[] bytes, string path, OutputTokens tokens, IEnumerable<KeyValuePair<string, int>> more)
    {
        var names = new List<string>();
        JsonItems? items = null;
        var reader = new Utf8JsonReader(bytes);
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject) throw JsonText.Unexpected(ref reader, path, "the file", "an object");
            items = JsonItems.Read(ref reader, (ref Utf8JsonReader item, int _) =>
            {
                names.Add(item.GetString()!);
                item.Read();
                item.Skip();
            });
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new VocabularyException($"{path}: is not valid JSON near its byte {reader.BytesConsumed}, expected one object.", e);
        }

        HashSet<string> kept = names.Where(tokens.Keeps).ToHashSet(StringComparer.Ordinal);
        var to = new MemoryStream(bytes.Length);
        to.Write(bytes.AsSpan(0, items.Start));
        items.Write(bytes, to, i => kept.Contains(names[i]), more.Where(t => !kept.Contains(t.Key)).Select(t => Encoding.UTF8.GetBytes($"{JsonText.Write(t.Key)}: {t.Value}")));
        to.Write(bytes.AsSpan(items.End));
        return to.ToArray();
    }

    /// <summary>A token a line, its number its id: what is between the last line and a new token is filled with the tokens of those ids.</summary>
    private static byte[] WriteLines(string[] lines, OutputTokens tokens)
    {
        int kept = (int)Math.Min(lines.Length, tokens.Limit), rows = Math.Max(kept, tokens.NewOrdinary.Count == 0 ? 0 : tokens.NewOrdinary[^1].Value + 1);
        string[] all = [.. lines.Take(kept), .. Enumerable.Range(kept, rows - kept).Select(i => $"[unused{i}]")];
        foreach ((string token, int id) in tokens.Ids)
        {
            if (id >= kept && id < rows) all[id] = token;
        }

        return Encoding.UTF8.GetBytes(string.Concat(all.Select(l => $"{l}\n")));
    }

    private static byte[] WriteMerges(string[] lines, OutputTokens tokens, IReadOnlyList<VocabularyModel> models)
    {
        var text = new StringBuilder();
        foreach ((string line, (string Left, string Right)? merge) in lines.Zip(SubwordRules.Parse(lines)))
        {
            if (merge is not { } rule || tokens.Removed == 0 || (tokens.Has(rule.Left) && tokens.Has(rule.Right) && tokens.Has(rule.Left + rule.Right))) text.Append(line).Append('\n');
        }

        foreach ((string left, string right) in tokens.NewOrdinary.Count == 0 ? [] : SubwordRules.NewMerges(tokens, models, "")) text.Append(left).Append(' ').Append(right).Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
