using System.Text;
using System.Text.RegularExpressions;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>
/// The model card: what hubs read in its front matter, and for people the method, the models and the recipe. No hub is asked: a model counts as one of a hub where its
/// path is that of the hub's cache, or is written as hubs write names.
/// </summary>
internal static partial class ModelCard
{
    public const string FileName = "README.md";

    /// <summary>Where people keep models on their own disks; no owner's name.</summary>
    private static readonly string[] s_folders = ["models", "model", "checkpoints", "checkpoint", "weights", "output", "outputs", "out", "data", "merged", "runs", "results", "experts", "experiments", "intermediate", "tmp", "src"];

    public static byte[] Build(string title, MergeJob job, Recipe recipe, string recipeText, string library)
    {
        var card = new StringBuilder("---\n");
        string[] named = [.. job.Models.SelectMany(NamesOnHubs).Distinct(StringComparer.Ordinal)];
        if (named.Length > 0) card.Append("base_model:\n").AppendJoin("", named.Select(n => $"- {n}\n"));
        card.Append("library_name: ").Append(library).Append("\ntags:\n- mergekit\n- merge\n- merge-engine\n---\n\n");

        MethodDescription method = recipe.Method;
        string source = method.Source is "" or "mergekit" ? "" : $" ({method.Source})";
        string arithmetic = method.Dialect is Dialect.Paper ? "as it was published" : "in mergekit's arithmetic";
        card.Append("# ").Append(title).Append("\n\n")
            .Append("This is a merge of pre-trained models, made by MergeEngine ").Append(MergeDescription.EngineVersion).Append(" from a recipe for [mergekit](https://github.com/arcee-ai/mergekit).\n\n")
            .Append("## Method\n\n`").Append(method.Name).Append("`: ").Append(method.Summary).Append(source).Append(", ").Append(arithmetic).Append(".\n\n")
            .Append("## Models\n\n");
        foreach (JobModel model in job.Models)
            card.Append("- ").Append(Code(model.Reference.ToString())).Append(model.Reference == recipe.BaseModel ? " (base)" : "").Append('\n');

        // A fence longer than any in the text, so that none of it ends the block.
        string fence = new('`', Math.Max(3, LongestRun(recipeText) + 1));
        card.Append("\n## Recipe\n\n").Append(fence).Append("yaml\n").Append(recipeText).Append(recipeText.EndsWith('\n') ? "" : "\n").Append(fence).Append("\n\n")
            .Append('`').Append(MergeManifest.FileName).Append("` lists the files that were read and written, with their hashes.\n");
        return Encoding.UTF8.GetBytes(card.ToString());
    }

    private static IEnumerable<string> NamesOnHubs(JobModel model)
    {
        if (!model.Reference.IsDocument && NameOnHubs(model.Reference.Path, model.Path) is { } name) yield return name;
        if (model.Reference.Adapter is { } adapter && NameOnHubs(adapter.Path, adapter.Path) is { } own) yield return own;
    }

    private static string? NameOnHubs(string written, string path)
    {
        if (InCache().Match(path.Replace('\\', '/')) is { Success: true } cached) return $"{cached.Groups[1].Value}/{cached.Groups[2].Value}";
        return OnHub().Match(written) is { Success: true } match && !s_folders.Contains(match.Groups[1].Value, StringComparer.OrdinalIgnoreCase) ? written : null;
    }

    private static string Code(string text)
    {
        string fence = new('`', LongestRun(text) + 1);
        return fence.Length == 1 ? $"`{text}`" : $"{fence} {text} {fence}";
    }

    private static int LongestRun(string text)
    {
        int longest = 0, run = 0;
        foreach (char c in text) longest = Math.Max(longest, run = c == '`' ? run + 1 : 0);
        return longest;
    }

    [GeneratedRegex("^([A-Za-z0-9][A-Za-z0-9_-]*)/([A-Za-z0-9][A-Za-z0-9._-]*)$", RegexOptions.CultureInvariant)]
    private static partial Regex OnHub();

    [GeneratedRegex("(?:^|/)models--([A-Za-z0-9][A-Za-z0-9_-]*?)--([A-Za-z0-9][A-Za-z0-9._-]*)/snapshots/[0-9a-f]+/?$", RegexOptions.CultureInvariant)]
    private static partial Regex InCache();
}
