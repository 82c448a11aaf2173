namespace MergeEngine.Merging.Recipes;

/// <summary>An adapter that is applied to a model before it is merged: a directory, and the revision that the recipe names.</summary>
public sealed record AdapterReference(string Path, string? Revision = null)
{
    public override string ToString() => Revision is null ? Path : $"{Path}@{Revision}";
}

/// <summary>
/// A model that a recipe names: <c>path[@revision][+lora[@revision]]</c>. Two references are the same model if all parts are the same
/// text; another spelling of a path is another model, as in mergekit.
/// </summary>
/// <param name="Path">Directory or file, relative to the working directory; or, if <see cref="IsDocument"/>, the name of a document.</param>
/// <param name="Revision">What stands behind <c>@</c>.</param>
/// <param name="Adapter">What stands behind <c>+</c>.</param>
public sealed record ModelReference(string Path, string? Revision = null, AdapterReference? Adapter = null)
{
    // Each of these may cost a look at the disk; no sensible path has more.
    private const int MostSeparators = 16;
    private const int MostCharacters = 4096;

    /// <summary>Whether the model is the result of another document of the same recipe file, called <see cref="Path"/>.</summary>
    public bool IsDocument { get; init; }

    public override string ToString() => (Revision is null ? Path : $"{Path}@{Revision}") + (Adapter is null ? "" : $"+{Adapter}");

    /// <summary>
    /// Reads a reference. What exists wins: a text that is itself a path is that path, whatever signs it holds. Otherwise it is cut at the
    /// first <c>+</c> that has existing paths on both sides (each with or without a revision), or at its only <c>+</c>; each side is cut at
    /// its last <c>@</c>, and may have another only in a path that exists.
    /// </summary>
    /// <param name="text">The text of the recipe.</param>
    /// <param name="exists">Whether there is a file or directory of that path.</param>
    /// <param name="reference">The reference, null if the result is false.</param>
    /// <param name="problem">What is wrong with the text: the end of a sentence that begins with it. Null if the result is true.</param>
    /// <param name="documents">Names of documents of the same file, which win over paths.</param>
    public static bool TryParse(string text, Func<string, bool> exists, out ModelReference? reference, out string? problem, IReadOnlySet<string>? documents = null)
    {
        reference = null;
        problem = null;
        if (text.Length == 0) problem = "is empty, expected the path of a model.";
        else if (text.Length > MostCharacters) problem = $"has {text.Length} characters, more than a path can have.";
        else if (documents?.Contains(text) == true) reference = new ModelReference(text) { IsDocument = true };
        else if (exists(text)) reference = new ModelReference(text);
        else if (text.Count(c => c is '@' or '+') > MostSeparators) problem = $"has more than {MostSeparators} signs '@' and '+'.";
        else reference = Split(text, exists, documents, out problem);
        return reference is not null;
    }

    private static ModelReference? Split(string text, Func<string, bool> exists, IReadOnlySet<string>? documents, out string? problem)
    {
        bool IsKnown(string side) => documents?.Contains(side) == true || exists(side) || side.LastIndexOf('@') is > 0 and var at && exists(side[..at]);

        int plus = text.IndexOf('+', StringComparison.Ordinal);
        if (plus < 0) return Side(text, exists, documents, out problem);
        for (int i = plus; i >= 0; i = text.IndexOf('+', i + 1))
        {
            if (i > 0 && i + 1 < text.Length && IsKnown(text[..i]) && IsKnown(text[(i + 1)..])) return Join(text[..i], text[(i + 1)..], exists, documents, out problem);
        }

        if (text.IndexOf('+', plus + 1) >= 0)
        {
            problem = "has more than one '+', and no two paths that exist stand around one of them.";
            return null;
        }

        return Join(text[..plus], text[(plus + 1)..], exists, documents, out problem);
    }

    private static ModelReference? Join(string model, string adapter, Func<string, bool> exists, IReadOnlySet<string>? documents, out string? problem) =>
        Side(model, exists, documents, out problem) is { } left && Side(adapter, exists, null, out problem) is { } right
            ? left with { Adapter = new AdapterReference(right.Path, right.Revision) }
            : null;

    private static ModelReference? Side(string text, Func<string, bool> exists, IReadOnlySet<string>? documents, out string? problem)
    {
        problem = null;
        if (documents?.Contains(text) == true) return new ModelReference(text) { IsDocument = true };
        int at = text.LastIndexOf('@');
        if (at < 0 || exists(text))
        {
            if (text.Length > 0) return new ModelReference(text);
            problem = "lacks the path on one side of '+'.";
            return null;
        }

        // Revisions hold no '@'; a path may, if it exists.
        string path = text[..at];
        if (path.Contains('@', StringComparison.Ordinal) && !exists(path)) problem = "has more than one '@', and no path that exists stands before the last of them.";
        else if (at == 0 || at + 1 == text.Length) problem = "has an '@' without a path before it or a revision behind it.";
        return problem is null ? new ModelReference(path, text[(at + 1)..]) : null;
    }
}
