using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.TensorMethods;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>What a plan needs beside the recipe.</summary>
public sealed record PlanOptions
{
    /// <summary>
    /// The arithmetic of a method in its dialect; null where there is none for files. Unless given: the registered methods.
    /// </summary>
    public Func<MethodDescription, TensorMethod?> Methods { get; init; } =
        m => TensorMethods.TensorMethods.Find(m.Name, m.Dialect);

    /// <summary>What the recipe's paths are relative to; empty for the process's own working directory.</summary>
    public string WorkingDirectory { get; init; } = "";

    /// <summary>Directories of the results of other documents of the recipe file, by their names.</summary>
    public IReadOnlyDictionary<string, string> Documents { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether embeddings and heads with different numbers of rows are cut to the fewest, whatever their tokens are.</summary>
    public bool UnsafeTruncateEmbeddings { get; init; }

    /// <summary>
    /// A regular expression whose first group is a layer's number in the name of a tensor, for models that
    /// <see cref="Analysis.LayerName"/> does not know; null for the usual names.
    /// </summary>
    public string? LayersPattern { get; init; }

    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; }
}
