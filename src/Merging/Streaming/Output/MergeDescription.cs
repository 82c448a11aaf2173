using System.Text;
using MergeEngine.Merging.Streaming.Hashing.Sha2;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>Everything that decides the bytes of an output: the manifest records it, and a stopped merge is only gone on with by the same.</summary>
public sealed class MergeDescription
{
    /// <summary>The recipe as it was read, with its comments.</summary>
    public required string Recipe { get; init; }

    /// <summary><c>mergekit</c> or <c>paper</c>.</summary>
    public required string Dialect { get; init; }

    /// <summary>The seed of everything random; null where nothing is.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Options of the command line that decide bytes, such as <c>out-dtype</c>; not threads or memory limits.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>The files that are read, in a fixed order. The caller disposes them after the output.</summary>
    public IReadOnlyList<InputFile> Inputs { get; init; } = [];

    internal static string EngineVersion { get; } = typeof(MergeDescription).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    internal JournalIdentity Identity(OutputPlan plan) => new(
        EngineVersion,
        Convert.ToHexStringLower(Sha256State.HashData(Encoding.UTF8.GetBytes(Recipe))),
        Dialect,
        Seed,
        new SortedDictionary<string, string>(Options.ToDictionary(), StringComparer.Ordinal),
        plan.Fingerprint(),
        [.. Inputs.Select(i => new JournalInput(i.FilePath, i.Length, i.Time))]);
}
