using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>Where the result of each document of a recipe file goes.</summary>
internal sealed class DocumentPlaces
{
    private readonly Dictionary<string, string> _named = new(StringComparer.Ordinal);
    private readonly string? _output;

    /// <exception cref="YamlException">A document has a result and nothing says where it goes.</exception>
    public DocumentPlaces(RecipeFile file, MergeOptions options)
    {
        _output = options.Output;
        if (file.Result is { } result && _output is null)
            throw new YamlException(result.Place, "this document has no name, so its result needs an output directory, and none is given.");
        string? intermediate = options.IntermediateDirectory ?? (_output is null ? null : $"{Path.TrimEndingDirectorySeparator(_output)}-intermediate");
        foreach (Recipe recipe in file.Recipes)
        {
            if (recipe.Name is not { } name) continue;
            if (intermediate is null) throw new YamlException(recipe.Place, $"the document '{name}' needs a directory for intermediate results, and none is given.");
            _named.Add(name, Path.Combine(intermediate, name));
        }
    }

    /// <summary>Directories of documents by their names, as a plan takes them.</summary>
    public IReadOnlyDictionary<string, string> Named => _named;

    /// <summary>The directory of a document's result.</summary>
    public string Of(Recipe recipe) => recipe.Name is { } name ? _named[name] : _output!;
}
