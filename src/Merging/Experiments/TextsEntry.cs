using MergeEngine.Merging.Yaml;
using MergeEngine.Models.Datasets.Tables;

namespace MergeEngine.Merging.Experiments;

/// <summary>How tables of texts are read: their columns, the classes, and how many tokens of a text are taken.</summary>
/// <param name="Columns">Which column holds what.</param>
/// <param name="Classes">Names of the classes in order; null for those of the training split.</param>
/// <param name="MaxTokens">Tokens that a text is cut to, special ones included; 0 for as many as the model takes.</param>
public sealed record TextsEntry(TextColumns Columns, IReadOnlyList<string>? Classes = null, int MaxTokens = 0)
{
    public static TextsEntry Default { get; } = new(new TextColumns());

    /// <param name="value">The mapping; null for the defaults.</param>
    /// <param name="defaults">What is not said in it.</param>
    internal static TextsEntry Read(YamlValue? value, TextsEntry defaults)
    {
        if (value is null) return defaults;
        YamlMapping map = value.AsMapping("'texts'");
        TextColumns d = defaults.Columns;
        var entry = new TextsEntry(
            new TextColumns
            {
                Text = map.Text("text", d.Text),
                Pair = map.Text("pair", d.Pair),
                Label = map.Text("label", d.Label),
                Split = map.Text("split", d.Split),
                HasHeader = map.Flag("header", d.HasHeader),
            },
            map.Take("classes") is { } classes ? [.. classes.AsSequence("'classes'").Items.Select(item => item.AsScalar("A class").Text)] : defaults.Classes,
            (int)map.Integer("max_tokens", defaults.MaxTokens, 1, int.MaxValue));
        map.Finish("'texts'");
        return entry.Classes is { Count: 0 } ? throw map.Error("'classes' is empty.") : entry;
    }
}
