using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Safetensors;

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
            var mapping = new Mapping(vocabulary.NewIds);
            string? changed = mapping.Map(value.RootElement, isPair: setting.Key == "forced_decoder_ids");
            if (mapping.Lost.Count > 0 && own?.Settings.LastOrDefault(s => s.Key == setting.Key && s.Scope == setting.Scope) is { Length: > 0 } theirs)
            {
                document.Set(setting, own.TextOf(theirs));
                continue;
            }

            if (mapping.Lost.Count > 0) notes.Add($"{document.FilePath}: {setting.Key} names the token {Quoting.QuoteSome(mapping.Lost)}, which the new tokenizer has not, and no longer does.");
            if (mapping.IsChanged) document.Set(setting, changed ?? "null");
        }
    }

    private sealed class Mapping(IReadOnlyDictionary<int, int> newIds)
    {
        /// <summary>Ids whose tokens are gone.</summary>
        public List<string> Lost { get; } = [];

        public bool IsChanged { get; private set; }

        /// <summary>A value with new ids; null where its only token is gone. What is no id (a negative number, a fraction) stays.</summary>
        public string? Map(JsonElement value, bool isPair)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Number:
                    if (!value.TryGetInt32(out int id) || id < 0) return value.GetRawText();
                    if (newIds.TryGetValue(id, out int mapped))
                    {
                        IsChanged |= mapped != id;
                        return mapped.ToString(CultureInfo.InvariantCulture);
                    }

                    Lost.Add(value.GetRawText());
                    IsChanged = true;
                    return null;
                case JsonValueKind.Array when isPair && value.GetArrayLength() == 2 && value[0].ValueKind == JsonValueKind.Number:
                    // A place and the token there.
                    return Map(value[1], false) is { } forced ? $"[{value[0].GetRawText()}, {forced}]" : null;
                case JsonValueKind.Array:
                    string[] kept = [.. value.EnumerateArray().Select(e => Map(e, isPair)).OfType<string>()];
                    return kept.Length == 0 && value.GetArrayLength() > 0 ? null : $"[{string.Join(", ", kept)}]";
                case JsonValueKind.Object:
                    // A name as it is written, which need not be a text that .NET can hold.
                    var members = value.EnumerateObject().Select(m => (Name: Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8PropertyName(m)), Value: Map(m.Value, isPair))).Where(m => m.Value is not null);
                    return new StringBuilder("{").AppendJoin(", ", members.Select(m => $"\"{m.Name}\": {m.Value}")).Append('}').ToString();
                default:
                    return value.GetRawText();
            }
        }
    }
}
