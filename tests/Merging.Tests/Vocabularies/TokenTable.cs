using System.Text.Json;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>The tokens of a tokenizer.json as a reader of it would have them.</summary>
internal static class TokenTable
{
    /// <summary>Tokens with their ids: those of the subword model, and the added ones by the rule of huggingface/tokenizers, which does not look at the ids that the file gives them.</summary>
    public static Dictionary<string, int> Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        JsonElement vocab = document.RootElement.GetProperty("model").GetProperty("vocab");
        Dictionary<string, int> ids = vocab.ValueKind == JsonValueKind.Object
            ? vocab.EnumerateObject().ToDictionary(t => t.Name, t => t.Value.GetInt32())
            : vocab.EnumerateArray().Select((t, i) => (t[0].GetString()!, i)).ToDictionary(t => t.Item1, t => t.i);
        int size = ids.Count, highest = -1;
        if (!document.RootElement.TryGetProperty("added_tokens", out JsonElement added)) return ids;
        foreach (JsonElement token in added.EnumerateArray())
        {
            string text = token.GetProperty("content").GetString()!;
            int id = ids.TryGetValue(text, out int known) ? known : highest >= size ? highest + 1 : size;
            // What the file says is what a reader finds.
            Assert.Equal(token.GetProperty("id").GetInt32(), id);
            ids[text] = id;
            highest = Math.Max(highest, id);
        }

        Assert.Equal(ids.Count, ids.Values.Distinct().Count());
        return ids;
    }
}
