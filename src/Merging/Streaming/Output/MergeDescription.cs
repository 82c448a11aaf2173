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

    /// <summary>What else decides bytes: options of the command line, such as <c>device</c>, but not threads or memory limits; a hash of small files that do.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>The files that are read, in a fixed order. The caller disposes them after the output.</summary>
    public IReadOnlyList<InputFile> Inputs { get; init; } = [];

    /// <summary>
    /// The bytes of inputs that decide those of a tensor, which tells what can be gone on with where an input has another time than it had; null where that is not known: all bytes
    /// of all inputs. Called only then. Where many tensors have the same, they should share a list.
    /// </summary>
    public Func<PlannedTensor, IReadOnlyList<InputRange>>? Sources { get; init; }

    /// <summary>The names of options that only one of two has, or that differ.</summary>
    internal static string OtherOptions(IReadOnlyDictionary<string, string> first, IReadOnlyDictionary<string, string> second) =>
        string.Join(", ", first.Keys.Union(second.Keys).Where(k => first.GetValueOrDefault(k) != second.GetValueOrDefault(k)).Order(StringComparer.Ordinal));

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
