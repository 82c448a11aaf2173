using MergeEngine.Merging.Recipes;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>The text of one document of a recipe file, so that another document's change does not make its result another.</summary>
internal static class DocumentText
{
    /// <summary>The text of a document with a name; for the result, which rests on all of them, that of the whole file.</summary>
    public static string Of(RecipeFile file, Recipe recipe)
    {
        if (recipe.Name is null || file.Recipes.Count == 1) return file.Text;
        string[] lines = file.Text.ReplaceLineEndings("\n").Split('\n');
        int place = (int)recipe.Place.Line - 1, first = place, end = place + 1;
        while (first > 0 && !IsStart(lines[first])) first--;
        while (end < lines.Length && !IsStart(lines[end]) && !IsMarker(lines[end], "...")) end++;
        return string.Join('\n', lines[first..end]).TrimEnd('\n') + "\n";
    }

    // YAML forbids such a line inside any text of a document.
    private static bool IsStart(string line) => IsMarker(line, "---");

    private static bool IsMarker(string line, string marker) =>
        line.StartsWith(marker, StringComparison.Ordinal) && (line.Length == marker.Length || line[marker.Length] is ' ' or '\t');
}
