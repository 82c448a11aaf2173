using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
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
    public void Add(string document, MergeJob job, OutputPlan plan)
    {
        _root ??= Directory.CreateTempSubdirectory("merge-engine-plan-");
        string directory = Directory.CreateDirectory(Path.Combine(_root.FullName, document)).FullName;
        foreach (OutputShard shard in plan.Shards)
        {
            using FileStream file = File.Create(Path.Combine(directory, shard.FileName));
            file.Write(shard.Layout.HeaderBytes.Span);
            file.SetLength(shard.Layout.FileLength);
        }

        if (!plan.Index.IsEmpty) File.WriteAllBytes(Path.Combine(directory, ShardedIndex.FileName), plan.Index.Span);
        foreach ((string name, ReadOnlyMemory<byte> bytes) in job.Vocabulary?.Files ?? new Dictionary<string, ReadOnlyMemory<byte>>())
            File.WriteAllBytes(Path.Combine(directory, name), bytes.Span);
        AddDonors(directory, job.Donor.Path);
        _paths[document] = directory;
    }

    public void Dispose() => _root?.Delete(recursive: true);

    /// <summary>Config and tokenizer, which a plan of a vocabulary reads.</summary>
    private static void AddDonors(string directory, string donor)
    {
        if (!Directory.Exists(donor)) return;
        foreach (string file in Directory.EnumerateFiles(donor))
        {
            string name = Path.GetFileName(file), target = Path.Combine(directory, name);
            bool isSmall = Path.GetExtension(name) is ".json" or ".txt" or ".jinja" or ".model";
            if (isSmall && name != ShardedIndex.FileName && name != MergeManifest.FileName && !File.Exists(target)) File.Copy(file, target);
        }
    }
}
