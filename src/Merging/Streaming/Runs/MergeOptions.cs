using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>How the recipes of a file are merged: where models are looked for, what the outputs are, and how the work is done.</summary>
public sealed record MergeOptions
{
    /// <summary>What the recipe's paths, and those below, are relative to; empty for the process's own working directory.</summary>
    public string WorkingDirectory { get; init; } = "";

    /// <summary>Directory of the document without a name; null if there is none.</summary>
    public string? Output { get; init; }

    /// <summary>Holds a directory for each document with a name; null for one beside the output, <c>OUT-intermediate</c>.</summary>
    public string? IntermediateDirectory { get; init; }

    /// <summary>
    /// Whether results of documents with names are taken as they are where their manifests show that they were made of the same recipe and inputs, and every
    /// byte is as it was written.
    /// </summary>
    public bool ReuseIntermediates { get; init; } = true;

    /// <summary>Where the merge is computed.</summary>
    public required Device Device { get; init; }

    /// <summary>Threads that read, compute, hash and write; 0 takes one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Bytes that the process may hold.</summary>
    public long MemoryLimit { get; init; } = ExecutionOptions.DefaultMemoryLimit;

    /// <summary>The most bytes of tensors in one file.</summary>
    public long ShardSize { get; init; } = OutputPlan.DefaultShardSize;

    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; }

    /// <summary>As <see cref="PlanOptions.LayersPattern"/>.</summary>
    public string? LayersPattern { get; init; }

    /// <summary>As <see cref="PlanOptions.UnsafeTruncateEmbeddings"/>.</summary>
    public bool UnsafeTruncateEmbeddings { get; init; }

    /// <summary>Put outputs in the place of older models.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Go on with what a stopped run has left.</summary>
    public bool Resume { get; init; }

    /// <summary>Whether a NaN or an infinity in the weights of a model is an error, rather than counted.</summary>
    public bool Strict { get; init; }

    /// <summary>Hash inputs and outputs. Without, nothing can be resumed or reused, and <c>verify</c> compares sizes and headers only.</summary>
    public bool Hash { get; init; } = true;

    /// <summary>Take the time of every stage. The rate of a copy is measured first, for some tenths of a second.</summary>
    public bool Profile { get; init; }

    /// <summary>Which files stand beside the weights.</summary>
    public CompanionOptions Companions { get; init; } = new();

    /// <summary>Before any question about files: an option that cannot be used is wrong whatever they hold.</summary>
    /// <exception cref="Planning.PlanningException">The pattern of layers is none.</exception>
    internal void RequireUsable() => _ = new LayerFinder(LayersPattern);

    internal int WorkingThreads => Threads > 0 ? Threads : Environment.ProcessorCount;

    internal PlanOptions Planning(IReadOnlyDictionary<string, string> documents) => new()
    {
        WorkingDirectory = WorkingDirectory,
        Documents = documents,
        UnsafeTruncateEmbeddings = UnsafeTruncateEmbeddings,
        LayersPattern = LayersPattern,
        Seed = Seed,
    };

    internal OutputOptions Writing(bool overwrite, StageTimes? times = null) => new() { Times = times, Overwrite = overwrite, Resume = Resume && Hash, Hash = Hash, Threads = WorkingThreads };

    internal ExecutionOptions Executing => new() { Device = Device, Threads = Threads, MemoryLimit = MemoryLimit, Strict = Strict };

    internal CompanionOptions Beside => Companions with { LayersPattern = LayersPattern };

    /// <summary>What decides bytes and stands in no recipe.</summary>
    internal SortedDictionary<string, string> Deciding()
    {
        var options = new SortedDictionary<string, string>(StringComparer.Ordinal);
        // Operations that are not element by element may differ in last bits from device to device.
        if (Device.Name != "cpu") options["device"] = Device.Name;
        if (LayersPattern is { } layers) options["layers"] = layers;
        if (UnsafeTruncateEmbeddings) options["unsafe-truncate-embeddings"] = "true";
        if (!Companions.CopyTokenizer) options["no-copy-tokenizer"] = "true";
        if (!Companions.WriteCard) options["no-write-model-card"] = "true";
        return options;
    }
}
