using System.Globalization;
using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>Settings that name tokens by their ids, where the output has another vocabulary than the donor.</summary>
internal static class TokenIds
{
    private static readonly string[] s_lists = ["suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "forced_decoder_ids", "force_words_ids", "lang_to_id", "task_to_id"];

    public static bool IsSought(string key) =>
        key.EndsWith("_token_id", StringComparison.Ordinal) || key.EndsWith("_token_index", StringComparison.Ordinal) || key.EndsWith("_token_ids", StringComparison.Ordinal) || s_lists.Contains(key);

    /// <param name="document">The donor's config, or its settings of generation.</param>
    /// <param name="vocabulary">What ids become.</param>
    /// <param name="own">The config of the model that the vocabulary is from; null where it is from several.</param>
    /// <param name="notes">Is told of ids whose tokens are gone.</param>
    public static void Apply(JsonEdits document, OutputVocabulary vocabulary, JsonEdits? own, List<string> notes)
    {
        foreach (JsonSetting setting in document.Settings.Where(s => IsSought(s.Key) && !ModelConfig.IsOtherSense(s.Scope) && s.Kind is JsonTokenType.Number or JsonTokenType.StartArray or JsonTokenType.StartObject))
        {
            using JsonDocument value = document.Value(setting);
            var lost = new List<string>();
            string? changed = Map(value.RootElement, vocabulary.NewIds, lost, isPair: setting.Key == "forced_decoder_ids");
            if (lost.Count > 0 && own?.Settings.LastOrDefault(s => s.Key == setting.Key && s.Scope == setting.Scope) is { Length: > 0 } theirs)
            {
                document.Set(setting, own.TextOf(theirs));
                continue;
            }

            if (lost.Count > 0) notes.Add($"{document.FilePath}: {setting.Key} names the token {string.Join(", ", lost)}, which the new tokenizer has not, and no longer does.");
            string text = changed ?? "null";
            if (lost.Count > 0 || !SameValues(value.RootElement, text)) document.Set(setting, text);
        }
    }

    /// <summary>A value with new ids; null where its only token is gone. What is no id (a negative number, a fraction) stays.</summary>
    private static string? Map(JsonElement value, IReadOnlyDictionary<int, int> newIds, List<string> lost, bool isPair)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                if (!value.TryGetInt32(out int id) || id < 0) return value.GetRawText();
                if (newIds.TryGetValue(id, out int mapped)) return mapped.ToString(CultureInfo.InvariantCulture);
                lost.Add(value.GetRawText());
                return null;
            case JsonValueKind.Array when isPair && value.GetArrayLength() == 2 && value[0].ValueKind == JsonValueKind.Number:
                // A place and the token there.
                return Map(value[1], newIds, lost, false) is { } forced ? $"[{value[0].GetRawText()}, {forced}]" : null;
            case JsonValueKind.Array:
                string[] kept = [.. value.EnumerateArray().Select(e => Map(e, newIds, lost, isPair)).OfType<string>()];
                return kept.Length == 0 && value.GetArrayLength() > 0 ? null : $"[{string.Join(", ", kept)}]";
            case JsonValueKind.Object:
                var members = value.EnumerateObject().Select(m => (m.Name, Value: Map(m.Value, newIds, lost, isPair))).Where(m => m.Value is not null);
                return new StringBuilder("{").AppendJoin(", ", members.Select(m => $"{JsonEdits.Quoted(m.Name)}: {m.Value}")).Append('}').ToString();
            default:
                return value.GetRawText();
        }
    }

    /// <summary>Written in another way it may be the same.</summary>
    private static bool SameValues(JsonElement before, string after)
    {
        using JsonDocument document = JsonDocument.Parse(after);
        return JsonElement.DeepEquals(before, document.RootElement);
    }
}
