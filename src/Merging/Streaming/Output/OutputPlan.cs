using System.Buffers;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using MergeEngine.Merging.Streaming.Hashing.Sha2;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>
/// Which tensor goes to which file at which byte, known before anything is written: chunks can then be written to their final places in any
/// order and from any thread.
/// </summary>
/// <remarks>
/// mergekit's rules: tensors fill files in the order of processing; a file is closed when the next tensor would make its tensors larger than the shard size; a
/// tensor larger than that has a file of its own. One file is <c>model.safetensors</c>; more are <c>model-0000N-of-0000M.safetensors</c> with an
/// index whose <c>total_size</c> counts the tensors' bytes. Inside a file the order is that of <see cref="SafetensorsLayout"/>.
/// </remarks>
public sealed class OutputPlan
{
    /// <summary>Bytes of tensors in a file where nothing else was asked for, as in mergekit and transformers.</summary>
    public const long DefaultShardSize = 5_000_000_000;

    private static readonly ReadOnlyDictionary<string, string> s_metadata = new Dictionary<string, string> { ["format"] = "pt" }.AsReadOnly();

    private readonly Dictionary<string, PlannedTensor> byName;

    private OutputPlan(OutputShard[] shards, PlannedTensor[] tensors, Dictionary<string, PlannedTensor> byName)
    {
        Shards = shards;
        Tensors = tensors;
        this.byName = byName;
        TotalSize = tensors.Sum(t => t.ByteLength);
        Index = shards.Length > 1 ? BuildIndex(tensors, TotalSize) : default;
    }

    /// <summary>The weight files; always one at least.</summary>
    public IReadOnlyList<OutputShard> Shards { get; }

    /// <summary>The tensors in the order of processing.</summary>
    public IReadOnlyList<PlannedTensor> Tensors { get; }

    /// <summary>The bytes of all tensors.</summary>
    public long TotalSize { get; }

    /// <summary>The content of <c>model.safetensors.index.json</c>; empty where there is only one file.</summary>
    public ReadOnlyMemory<byte> Index { get; }

    /// <summary>The bytes of all weight files with their headers: what must be free on the disk.</summary>
    public long FileBytes => Shards.Sum(s => s.Layout.FileLength);

    /// <exception cref="KeyNotFoundException">The plan has no such tensor.</exception>
    public PlannedTensor this[string name] => byName.TryGetValue(name, out PlannedTensor? tensor)
        ? tensor
        : throw new KeyNotFoundException($"The output has no tensor {Quoting.Quote(name)} among its {Tensors.Count}.");

    /// <summary>Lays the output out.</summary>
    /// <param name="tensors">In the order of processing, each name once.</param>
    /// <param name="shardSize">The most bytes of tensors in one file.</param>
    /// <exception cref="SafetensorsException">A name stands twice or is not allowed, or a header would be too long.</exception>
    /// <exception cref="OverflowException">The output would be longer than a signed 64-bit number says.</exception>
    public static OutputPlan Create(IEnumerable<OutputTensor> tensors, long shardSize = DefaultShardSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shardSize, 1);
        OutputTensor[] ordered = [.. tensors];
        RequireDistinct(ordered);
        List<ArraySegment<OutputTensor>> groups = Split(ordered, shardSize);
        var shards = new OutputShard[groups.Count];
        var byName = new Dictionary<string, PlannedTensor>(ordered.Length, StringComparer.Ordinal);
        for (int i = 0; i < shards.Length; i++)
        {
            string name = shards.Length == 1
                ? Checkpoint.SingleFileName
                : string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Length:D5}.safetensors");
            var layout = SafetensorsLayout.Create(name, groups[i].Select(t => (t.Name, t.DType, t.Shape)), s_metadata);
            shards[i] = new OutputShard(i, name, layout);
            foreach (TensorEntry entry in layout.Tensors) byName.Add(entry.Name, new PlannedTensor(entry, shards[i]));
        }

        return new OutputPlan(shards, [.. ordered.Select(t => byName[t.Name])], byName);
    }

    /// <summary>SHA-256 of all names, types, shapes and places: two plans with the same one make the same files of the same values.</summary>
    internal string Fingerprint()
    {
        using var hash = Sha256State.Create();
        foreach (OutputShard shard in Shards)
        {
            hash.Append(Encoding.UTF8.GetBytes(shard.FileName));
            hash.Append(shard.Layout.HeaderBytes.Span);
        }

        return Convert.ToHexStringLower(hash.Finish());
    }

    /// <summary>Across files too, where the layout of one file does not see it.</summary>
    private static void RequireDistinct(OutputTensor[] tensors)
    {
        var seen = new HashSet<string>(tensors.Length, StringComparer.Ordinal);
        foreach (OutputTensor tensor in tensors)
        {
            if (!seen.Add(tensor.Name)) throw new SafetensorsException($"The output has two tensors that are called {Quoting.Quote(tensor.Name)}.");
        }
    }

    private static List<ArraySegment<OutputTensor>> Split(OutputTensor[] tensors, long shardSize)
    {
        var groups = new List<ArraySegment<OutputTensor>>();
        int first = 0;
        long filled = 0;
        for (int i = 0; i < tensors.Length; i++)
        {
            long bytes = tensors[i].ByteLength;
            if (i > first && bytes > shardSize - filled)
            {
                groups.Add(new ArraySegment<OutputTensor>(tensors, first, i - first));
                (first, filled) = (i, 0);
            }

            filled = checked(filled + bytes);
        }

        groups.Add(new ArraySegment<OutputTensor>(tensors, first, tensors.Length - first));
        return groups;
    }

    private static ReadOnlyMemory<byte> BuildIndex(PlannedTensor[] tensors, long totalSize)
    {
        var output = new ArrayBufferWriter<byte>();
        var options = new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(output, options))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", totalSize);
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach (PlannedTensor tensor in tensors) json.WriteString(tensor.Name, tensor.Shard.FileName);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        output.Write("\n"u8);
        return output.WrittenMemory;
    }
}
