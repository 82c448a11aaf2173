using System.Globalization;
using System.Text.Json;

namespace MergeEngine.Models.Checkpoints;

/// <summary>What a config calls the rows of its classifier: <c>id2label</c> of Hugging Face.</summary>
internal static class LabelMap
{
    /// <summary>Names by row; null where the config has none, or no more than the <c>LABEL_0</c>, <c>LABEL_1</c> … that stand for none.</summary>
    /// <param name="config">The config's root.</param>
    /// <param name="classes">Rows of the classifier; a map of more or fewer is another one's.</param>
    public static IReadOnlyList<string>? Read(ConfigSection config, int classes)
    {
        if (!config.Element.TryGetProperty("id2label", out JsonElement map) || map.ValueKind != JsonValueKind.Object) return null;
        var names = new string?[classes];
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int row) || row >= classes || entry.Value.ValueKind != JsonValueKind.String) return null;
            names[row] = entry.Value.GetString();
        }

        string[] known = [.. names.OfType<string>()];
        return known.Length == classes && !known.Index().All(pair => pair.Item == $"LABEL_{pair.Index}") ? known : null;
    }
}
