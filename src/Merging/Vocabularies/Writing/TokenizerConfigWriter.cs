using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace MergeEngine.Merging.Vocabularies.Writing;

/// <summary>tokenizer_config.json and special_tokens_map.json after tokens came or went: <c>added_tokens_decoder</c> follows, and no special token is named that the output does not have.</summary>
internal static class TokenizerConfigWriter
{
    private static readonly string[] s_lists = ["additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens"];

    /// <exception cref="VocabularyException">It is no JSON object.</exception>
    public static byte[] Write(byte[] bytes, string path, OutputTokens tokens)
    {
        try
        {
            if (!Utf8.IsValid(bytes)) throw new VocabularyException($"{path}: is not UTF-8, expected JSON.");
            return JsonNode.Parse(bytes, null, new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false }) is JsonObject config
                ? Changes(config, tokens) ? Bytes(config) : bytes
                : throw new VocabularyException($"{path}: is no JSON object.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // Values are decoded only when they are asked for, so that half a surrogate pair may be found late.
            throw new VocabularyException($"{path}: is not valid JSON of at most 64 levels with every name once, expected one object.", e);
        }
    }

    private static bool Changes(JsonObject config, OutputTokens tokens)
    {
        bool changed = false;
        if (config["added_tokens_decoder"] is JsonObject decoder)
        {
            foreach (string key in decoder.Select(d => d.Key).ToArray())
            {
                if (TextOf(decoder[key]) is { } text && tokens.IsRemoved(text)) changed |= decoder.Remove(key);
            }

            foreach (AddedToken token in tokens.NewAdded)
            {
                decoder[token.Id.ToString(CultureInfo.InvariantCulture)] = new JsonObject
                {
                    ["content"] = token.Text,
                    ["lstrip"] = token.LeftStrip,
                    ["normalized"] = token.Normalized,
                    ["rstrip"] = token.RightStrip,
                    ["single_word"] = token.SingleWord,
                    ["special"] = token.Special,
                };
                changed = true;
            }
        }

        foreach (string key in config.Select(c => c.Key).ToArray())
        {
            if (key.EndsWith("_token", StringComparison.Ordinal) && TextOf(config[key]) is { } text && !tokens.Has(text) && tokens.Start.Ids.ContainsKey(text)) changed |= config.Remove(key);
            else if (s_lists.Contains(key)) changed |= Filter(config[key], tokens);
        }

        return changed;
    }

    private static bool Filter(JsonNode? node, OutputTokens tokens)
    {
        bool changed = false;
        if (node is JsonArray list)
        {
            for (int i = list.Count - 1; i >= 0; i--)
            {
                if (TextOf(list[i]) is not { } text || !IsLost(text)) continue;
                list.RemoveAt(i);
                changed = true;
            }
        }
        else if (node is JsonObject map)
        {
            foreach (string key in map.Select(m => m.Key).ToArray())
            {
                if (TextOf(map[key]) is { } text && IsLost(text)) changed |= map.Remove(key);
            }
        }

        return changed;

        bool IsLost(string text) => !tokens.Has(text) && tokens.Start.Ids.ContainsKey(text);
    }

    /// <summary>Tokens stand as texts, or as objects with their texts and flags.</summary>
    private static string? TextOf(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue(out string? text) ? text : node is JsonObject map && map["content"] is JsonValue content && content.TryGetValue(out text) ? text : null;

    private static byte[] Bytes(JsonObject config)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) config.WriteTo(writer);
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}
