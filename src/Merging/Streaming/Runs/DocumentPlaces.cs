using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>Where the result of each document of a recipe file goes.</summary>
internal sealed class DocumentPlaces
{
    private readonly Dictionary<string, string> _named = new(StringComparer.Ordinal);
    private readonly string? _output;

    /// <exception cref="YamlException">A document has a result and nothing says where it goes, or it goes into the directory of another's.</exception>
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
            if (file.Result is not null) RequireApart(recipe, options.WorkingDirectory);
        }
    }

    /// <summary>Directories of documents by their names, as a plan takes them.</summary>
    public IReadOnlyDictionary<string, string> Named => _named;

    /// <summary>The directory of a document's result.</summary>
    public string Of(Recipe recipe) => recipe.Name is { } name ? _named[name] : _output!;

    /// <summary>Says where nothing can be written before any file of weights is opened. An intermediate result may be there already; whether it is the right one is seen when it is needed.</summary>
    /// <exception cref="SafetensorsException">A place cannot be written, or what is there may not be replaced.</exception>
    public void RequirePossible(RecipeFile file, MergeOptions options)
    {
        foreach (Recipe recipe in file.Recipes)
            OutputDirectory.RequirePossible(Path.Combine(options.WorkingDirectory, Of(recipe)), options.Overwrite, mayStay: options.Resume || recipe.Name is not null);
    }

    /// <summary>An intermediate result in the output's directory, or around it, would be in its way when hours of merging are over.</summary>
    private void RequireApart(Recipe recipe, string workingDirectory)
    {
        string place = Of(recipe);
        if (_output!.Length == 0 || RealPath.Of(Path.Combine(workingDirectory, place)) is not { } own || RealPath.Of(Path.Combine(workingDirectory, _output)) is not { } output) return;
        if (IsIn(own, output) || IsIn(output, own))
            throw new YamlException(recipe.Place, $"the result of the document '{recipe.Name}' goes to {place} and that of the recipe to {_output}, expected directories of which neither holds the other.");
    }

    private static bool IsIn(string path, string directory) => path == directory || path.StartsWith(Path.TrimEndingDirectorySeparator(directory) + Path.DirectorySeparatorChar, StringComparison.Ordinal);
}
