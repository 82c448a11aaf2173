using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>Models that are not merged yet, as far as a plan looks at them: headers, index and tokenizer, with files that take no space. Gone on disposal.</summary>
internal sealed class StandIns : IDisposable
{
    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal);
    private DirectoryInfo? _root;

    /// <summary>Their directories, by the names of documents.</summary>
    public IReadOnlyDictionary<string, string> Paths => _paths;

    /// <summary>Makes the stand-in of a planned result.</summary>
    /// <exception cref="SafetensorsException">Nothing can be written where temporary files go.</exception>
    public void Add(string document, OutputPlan plan, CompanionFiles companions)
    {
        _root ??= CreateRoot();
        string directory = Directory.CreateDirectory(Path.Combine(_root.FullName, document)).FullName;
        foreach (OutputShard shard in plan.Shards)
        {
            using FileStream file = File.Create(Path.Combine(directory, shard.FileName));
            file.Write(shard.Layout.HeaderBytes.Span);
            file.SetLength(shard.Layout.FileLength);
        }

        if (!plan.Index.IsEmpty) File.WriteAllBytes(Path.Combine(directory, ShardedIndex.FileName), plan.Index.Span);
        // Config and tokenizer, which plans read; folders and the card are of no use to them.
        foreach (string name in companions.Names.Where(n => !n.Contains('/', StringComparison.Ordinal)))
        {
            if (companions.ContentOf(name) is { } bytes) File.WriteAllBytes(Path.Combine(directory, name), bytes);
        }

        _paths[document] = directory;
    }

    private static DirectoryInfo CreateRoot()
    {
        try
        {
            return Directory.CreateTempSubdirectory("merge-engine-plan-");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string variable = OperatingSystem.IsWindows() ? "TMP" : "TMPDIR";
            throw new SafetensorsException($"{Path.GetTempPath()}: no directory for temporary files can be made here, where the plan of several documents needs one; {variable} names another place.", e);
        }
    }

    public void Dispose() => _root?.Delete(recursive: true);
}
