using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>Reads references to models, as text or as a mapping of their parts.</summary>
/// <param name="exists">Whether a path exists.</param>
/// <param name="documents">Names of the documents of the file.</param>
internal sealed class ReferenceReader(Func<string, bool> exists, IReadOnlySet<string> documents)
{
    public bool Exists(string path) => exists(path);

    /// <summary>A text, or <c>{model: {path, revision}, lora: {path, revision}}</c> whose paths are taken as they are.</summary>
    /// <param name="value">The value.</param>
    /// <param name="what">Its key, for errors.</param>
    /// <param name="notes">Takes what has no effect.</param>
    public ModelReference Read(YamlValue value, string what, ICollection<RecipeNote> notes)
    {
        if (value is not YamlMapping map) return FromText(value.AsScalar($"'{what}'"), what, documents);
        map.Allow($"A mapping at '{what}'", "model", "lora", "override_architecture");
        if (map.Take("override_architecture") is { } architecture)
            notes.Add(new RecipeNote(architecture.Place, "'override_architecture' has no effect: layers are found from the names of tensors."));
        ModelReference model = Part(map.Require("model"), "model", documents);
        if (map.Take("lora") is not { } lora) return model;
        if (model.Adapter is not null) throw lora.Error("'lora' is given beside a 'model' that has an adapter already.");
        ModelReference adapter = Part(lora, "lora", null);
        if (adapter.Adapter is not null) throw lora.Error("'lora' is one adapter, found two.");
        return model with { Adapter = new AdapterReference(adapter.Path, adapter.Revision) };
    }

    private ModelReference Part(YamlValue value, string what, IReadOnlySet<string>? names)
    {
        if (value is not YamlMapping map) return FromText(value.AsScalar($"'{what}'"), what, names);
        map.Allow($"A mapping at '{what}'", "path", "revision");
        string path = map.RequireText("path");
        if (path.Length == 0) throw map.Error("'path' is empty, expected the path of a model.");
        string? revision = map.Text("revision");
        return new ModelReference(path, revision) { IsDocument = revision is null && names?.Contains(path) == true };
    }

    private ModelReference FromText(YamlScalar text, string what, IReadOnlySet<string>? names) =>
        ModelReference.TryParse(text.Text, exists, out ModelReference? reference, out string? problem, names)
            ? reference!
            : throw text.Error(text.Text.Length == 0 ? $"'{what}' {problem}" : $"{text.Found} {problem}");
}
