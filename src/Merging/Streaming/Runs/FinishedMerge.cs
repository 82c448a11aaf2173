using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>Whether a directory is the finished result of a merge that is asked for again.</summary>
internal static class FinishedMerge
{
    /// <summary>How often a result that is replaced meanwhile is compared again.</summary>
    private const int MostAttempts = 3;

    /// <summary>Whether there is a model at all.</summary>
    public static bool Exists(string path) => Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any();

    /// <summary>Compares manifest and request, then the hashes of all inputs, then those of all outputs.</summary>
    /// <param name="path">A directory.</param>
    /// <param name="asked">What is asked for.</param>
    /// <param name="plan">The weight files that it would have.</param>
    /// <param name="threads">Threads that hash.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <returns>Null if it is; otherwise why not, as the rest of a sentence that begins with the directory.</returns>
    public static string? Difference(string path, MergeDescription asked, OutputPlan plan, int threads, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            if (Read(path) is not { } manifest) return "has no manifest that this version can read";
            string? difference = DifferenceOf(manifest, asked) ?? DifferenceOf(manifest, plan) ?? DifferenceOf(manifest.Inputs, asked.Inputs, threads, cancellation);
            if (difference is not null || OutputVerification.Run(path, manifest, threads, cancellation: cancellation).Differences is not [string first, ..]) return difference;
            // Files of a newer model differ from an older one's manifest.
            if (Read(path)?.ManifestSha256 == manifest.ManifestSha256) return $"is not as it was written: {first.TrimEnd('.')}";
        }

        return "was replaced while it was compared";
    }

    /// <summary>Null where there is none that can be read.</summary>
    private static MergeManifest? Read(string path)
    {
        try
        {
            return ManifestFile.Read(Path.Combine(path, MergeManifest.FileName));
        }
        catch (SafetensorsException)
        {
            return null;
        }
    }

    private static string? DifferenceOf(MergeManifest manifest, MergeDescription asked)
    {
        if (manifest.Engine != MergeDescription.EngineVersion) return $"was merged by version {manifest.Engine}, and this is {MergeDescription.EngineVersion}";
        if (manifest.Recipe != asked.Recipe) return "was merged with another recipe";
        if (manifest.Dialect != asked.Dialect) return $"was merged in the dialect {manifest.Dialect}";
        if (manifest.Seed != asked.Seed) return "was merged with another seed";
        if (!manifest.Options.SequenceEqual(asked.Options.OrderBy(o => o.Key, StringComparer.Ordinal))) return $"was merged with other options ({MergeDescription.OtherOptions(manifest.Options, asked.Options)})";
        return manifest.Hash is null ? "was merged without hashes" : null;
    }

    private static string? DifferenceOf(MergeManifest manifest, OutputPlan plan)
    {
        Dictionary<string, long> written = manifest.Outputs.Where(o => o.HeaderSha256 is not null).ToDictionary(o => o.Name, o => o.Bytes, StringComparer.Ordinal);
        return plan.Shards.Count == written.Count && plan.Shards.All(s => written.TryGetValue(s.FileName, out long bytes) && bytes == s.Layout.FileLength)
            ? null
            : "has other tensors, dtypes or shard sizes";
    }

    private static string? DifferenceOf(ManifestInput[] then, IReadOnlyList<InputFile> now, int threads, CancellationToken cancellation)
    {
        if (then.Length != now.Count) return $"was merged from {Counting.Of(then.Length, "file")}, and there {(now.Count == 1 ? "is" : "are")} {now.Count} now";
        for (int i = 0; i < then.Length; i++)
        {
            if (then[i].Path != now[i].FilePath) return $"was merged from {then[i].Path}, and now it is {now[i].FilePath}";
            if (then[i].Bytes != now[i].Length) return $"was merged before its input {now[i].FilePath} was changed";
        }

        // Sizes are the cheap question; only when all fit are the files read.
        for (int i = 0; i < then.Length; i++)
        {
            if (then[i] != ManifestInput.Of(now[i].FilePath, now[i].Length, now[i].FinishHash(threads, cancellation))) return $"was merged before its input {now[i].FilePath} was changed";
        }

        return null;
    }
}
