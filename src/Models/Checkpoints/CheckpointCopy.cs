using System.Buffers;
using System.Runtime.InteropServices;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// Writes a checkpoint again with other values: same files, same headers, same dtypes. An element whose value did not change keeps its very
/// bits, so F64 and F16 files come back byte for byte.
/// </summary>
internal static class CheckpointCopy
{
    private const int ChunkElements = 64 * 1024;

    /// <summary>What belongs to a model beside its weights.</summary>
    private static readonly string[] Companions =
    [
        "config.json", "preprocessor_config.json", "open_clip_config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "modules.json",
        "config_sentence_transformers.json", "sentence_bert_config.json",
    ];

    /// <param name="source">The open original.</param>
    /// <param name="path">A directory, or the name of a <c>.safetensors</c> file.</param>
    /// <param name="configPath">The original's config: what lies beside it is copied into a directory.</param>
    /// <param name="find">New values of a tensor, or <c>default</c> to copy it.</param>
    /// <param name="more">Files in directories beside the config that belong to the model too.</param>
    /// <exception cref="ModelException">The source has shards and the target is one file.</exception>
    public static void Write(Checkpoint source, string path, string configPath, Func<string, DeviceSpan<float>> find, params ReadOnlySpan<string> more)
    {
        if (path.EndsWith(".safetensors", StringComparison.Ordinal) && !Directory.Exists(path))
        {
            if (source.Files.Count > 1) throw new ModelException($"{path}: the model comes from {source.Files.Count} shards, expected the name of a directory to write them to.");
            WriteFile(source.Files[0], path, find);
            return;
        }

        NewCheckpoint.CreateDirectory(path);
        foreach (SafetensorsFile file in source.Files) WriteFile(file, Path.Combine(path, Path.GetFileName(file.FilePath)), find);
        string from = Path.GetDirectoryName(Path.GetFullPath(configPath))!;
        foreach (string name in source.Files.Count > 1 ? Companions.Append(ShardedIndex.FileName) : Companions) Copy(Path.Combine(from, name), Path.Combine(path, name));
        foreach (string name in more)
        {
            NewCheckpoint.CreateDirectory(Path.GetDirectoryName(Path.Combine(path, name))!);
            Copy(Path.Combine(from, name), Path.Combine(path, name));
        }

        if (!Companions.Contains(Path.GetFileName(configPath))) Copy(configPath, Path.Combine(path, "config.json"));
    }

    private static void Copy(string from, string to)
    {
        if (!File.Exists(from) || Path.GetFullPath(from) == Path.GetFullPath(to)) return;
        try
        {
            // Not File.Copy, which would make a copy of a read-only file read-only. A link is replaced, and what it points to stays as it is.
            byte[] bytes = File.ReadAllBytes(from);
            if (new FileInfo(to).LinkTarget is not null) File.Delete(to);
            File.WriteAllBytes(to, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{to}: cannot be copied from {from} ({e.Message.TrimEnd('.')}).", e);
        }
    }

    private static void WriteFile(SafetensorsFile original, string path, Func<string, DeviceSpan<float>> find) =>
        SafetensorsWriter.RewriteStreaming(original, path, entry =>
        {
            DeviceSpan<float> values = find(entry.Name);
            return values.IsNone ? null : stream => WriteTensor(original, entry, values, stream);
        });

    private static void WriteTensor(SafetensorsFile original, TensorEntry entry, DeviceSpan<float> values, Stream stream)
    {
        if (values.Length == 0) return;
        values.Buffer.Device.Download(values, (original, entry, stream), static (piece, first, to) => WritePiece(to.original, to.entry, piece, first, to.stream));
    }

    private static void WritePiece(SafetensorsFile original, TensorEntry entry, ReadOnlySpan<float> values, long start, Stream stream)
    {
        int size = entry.DType.Bits() / 8;
        float[] old = ArrayPool<float>.Shared.Rent(ChunkElements);
        byte[] oldBytes = ArrayPool<byte>.Shared.Rent(ChunkElements * size), bytes = ArrayPool<byte>.Shared.Rent(ChunkElements * size);
        try
        {
            for (int first = 0; first < values.Length; first += ChunkElements)
            {
                int count = Math.Min(ChunkElements, values.Length - first);
                Span<byte> before = oldBytes.AsSpan(0, count * size), after = bytes.AsSpan(0, count * size);
                ReadOnlySpan<float> now = values.Slice(first, count);
                Span<float> then = old.AsSpan(0, count);
                original.ReadBytes(entry, (start + first) * size, before);
                Conversion.ToSingle(entry.DType, before, then);
                Conversion.FromSingle(now, entry.DType, after);
                ReadOnlySpan<uint> nowBits = MemoryMarshal.Cast<float, uint>(now), thenBits = MemoryMarshal.Cast<float, uint>(then);
                for (int i = 0; i < count; i++)
                {
                    if (nowBits[i] == thenBits[i]) before.Slice(i * size, size).CopyTo(after[(i * size)..]);
                }

                stream.Write(after);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(old);
            ArrayPool<byte>.Shared.Return(oldBytes);
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
