using MergeEngine.Merging.Recipes.Reading;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes;

/// <summary>
/// A recipe file: one document, or several that use each other's results. Documents with a <c>name</c> are intermediate results, which
/// the others use as models by that name; at most one has no name and is the result.
/// </summary>
/// <param name="Recipes">The recipes in the order in which they must run: that of the file, unless a recipe uses a later one.</param>
public sealed record RecipeFile(IReadOnlyList<Recipe> Recipes)
{
    /// <summary>The text that was read, with its comments.</summary>
    public string Text { get; init; } = "";

    /// <summary>The recipe without a name; null if all have one, so that only intermediate results are written.</summary>
    public Recipe? Result => Recipes.FirstOrDefault(r => r.Name is null);

    /// <summary>Reads a file. No model is opened; paths are only looked at where a reference could be read in two ways.</summary>
    /// <param name="path">Path of the recipe.</param>
    /// <param name="exists">Whether a path exists, relative to the working directory; null for the file system.</param>
    /// <exception cref="YamlException">The file is no usable recipe; one sentence with line and column for each mistake, the first twenty of them.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static RecipeFile Read(string path, Func<string, bool>? exists = null) => Parse(YamlFile.ReadText(path), path, exists);

    /// <summary>Reads a text; <paramref name="file"/> is named in errors.</summary>
    /// <inheritdoc cref="Read(string, Func{string, bool}?)"/>
    public static RecipeFile Parse(string text, string file, Func<string, bool>? exists = null) => Read(YamlFile.Parse(text, file), file, exists) with { Text = text };

    /// <summary>Takes one recipe that was parsed already, with whatever places its errors are to name.</summary>
    /// <param name="document">The recipe.</param>
    /// <param name="text">The text that it was parsed from.</param>
    /// <inheritdoc cref="Read(string, Func{string, bool}?)" path="/exception"/>
    public static RecipeFile Of(YamlValue document, string text) => Read([document], document.Place.File, null) with { Text = text };

    private static RecipeFile Read(IReadOnlyList<YamlValue> documents, string file, Func<string, bool>? exists)
    {
        if (documents.Count == 0) throw new YamlException(new YamlPlace(file, 1, 1), "the file is empty, expected a recipe.");
        var mistakes = new RecipeMistakes();
        RecipeFindings[] findings = [.. documents.Select(_ => new RecipeFindings(mistakes))];
        Dictionary<string, int> names = ReadNames(documents, findings);
        IReadOnlySet<string> known = names.Keys.ToHashSet(StringComparer.Ordinal);
        var references = new ReferenceReader(exists ?? Path.Exists, known);
        var recipes = new List<Recipe>();
        Recipe? result = null;
        for (int i = 0; i < documents.Count; i++)
        {
            if (RecipeReader.Read(documents[i], references, findings[i]) is not { } recipe) continue;
            recipes.Add(recipe);
            if (recipe.Name is not null) continue;
            if (result is not null) mistakes.Add(documents[i].Error($"this is the second document without a 'name', after that of line {result.Place.Line}; only the last result may have none."));
            result = recipe;
        }

        mistakes.ThrowIfAny();
        return new RecipeFile(DocumentOrder.Sort(recipes, names));
    }

    /// <summary>The number of the document of each name. Nothing else of a document depends on whether its name is a good one.</summary>
    private static Dictionary<string, int> ReadNames(IReadOnlyList<YamlValue> documents, RecipeFindings[] findings)
    {
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < documents.Count; i++)
        {
            if (documents[i] is not YamlMapping document || document.Take("name") is not { } name) continue;
            if (ProblemOf(name) is { } problem) findings[i].Tell(problem);
            else if (name is YamlScalar scalar && !names.TryAdd(scalar.Text, i)) findings[i].Tell(name.Error($"two documents have the name '{scalar.Shown}'."));
        }

        return names;
    }

    private static YamlException? ProblemOf(YamlValue value)
    {
        if (value is not YamlScalar name) return value.Error($"'name' must be a single value, found {value.Kind}.");
        // The name becomes that of a directory.
        return name.Text is "" or "." or ".." || name.Text.Length > 200 || name.Text.AsSpan().IndexOfAny('/', '\\', ':') >= 0 || name.Text.Any(char.IsControl)
            ? name.Error($"'name' must be usable as the name of a directory, found {name.Found}.")
            : null;
    }
}
