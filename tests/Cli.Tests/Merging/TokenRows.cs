using System.Text.Json;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>Rows that belong to tokens: two vocabularies may give their new tokens ids in another order.</summary>
internal static class TokenRows
{
    /// <summary>For each row of the expected tensor the row of the other, by the tokens of both tokenizers; rows without a token, which pad, stay in their places.</summary>
    public static int[] Order(string expected, string actual, long rows)
    {
        Dictionary<string, int> theirs = Vocabulary(expected), ours = Vocabulary(actual);
        Assert.Equal(theirs.Keys.Order(StringComparer.Ordinal), ours.Keys.Order(StringComparer.Ordinal));
        int[] order = [.. Enumerable.Range(0, (int)rows)];
        foreach ((string token, int id) in theirs) order[id] = ours[token];
        Assert.Equal(rows, order.Distinct().Count());
        return order;
    }

    /// <summary>Moves rows.</summary>
    public static double[] Take(double[] values, TensorEntry entry, int[] order)
    {
        int width = (int)(entry.ElementCount / entry.Shape[0]);
        return [.. order.SelectMany(row => values[(row * width)..((row + 1) * width)])];
    }

    private static Dictionary<string, int> Vocabulary(string directory)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "tokenizer.json")));
        var tokens = document.RootElement.GetProperty("model").GetProperty("vocab").EnumerateObject().ToDictionary(t => t.Name, t => t.Value.GetInt32(), StringComparer.Ordinal);
        foreach (JsonElement added in document.RootElement.GetProperty("added_tokens").EnumerateArray()) tokens[added.GetProperty("content").GetString()!] = added.GetProperty("id").GetInt32();
        return tokens;
    }
}
