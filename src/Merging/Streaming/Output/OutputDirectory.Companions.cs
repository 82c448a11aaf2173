using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <content>Files beside the weights: config, tokenizer, model card.</content>
public sealed partial class OutputDirectory
{
    private const int CopyBytes = 1 << 18;

    /// <summary>What the directory will be called.</summary>
    public string Name => Path.GetFileName(place.Target);

    /// <summary>Adds a file beside the weights, such as <c>config.json</c>. One thread at a time.</summary>
    /// <param name="name">A plain file name that no other file of the output has, or one in a plain folder (<c>1_Pooling/config.json</c>).</param>
    /// <param name="bytes">Its content.</param>
    /// <exception cref="ArgumentException">The name leads elsewhere, or the output has such a file.</exception>
    /// <exception cref="SafetensorsException">The disk is full or failed.</exception>
    public void AddFile(string name, ReadOnlySpan<byte> bytes)
    {
        RequireNew(name);
        AddChecked(name, bytes);
    }

    /// <summary>Copies a file, such as a tokenizer, beside the weights, in pieces: no file is held in memory.</summary>
    /// <param name="path">The file to copy.</param>
    /// <param name="name">Its name in the output; null for its own. As for <see cref="AddFile"/>.</param>
    /// <exception cref="ArgumentException">The name leads elsewhere, or the output has such a file.</exception>
    /// <exception cref="SafetensorsException">The disk is full or failed, or the file cannot be read, is no file, or became shorter while it was copied.</exception>
    public void AddCopy(string path, string? name = null)
    {
        name ??= Path.GetFileName(path);
        RequireNew(name);
        using var source = new InputFile(path, hashing: false);
        StreamedHash? hash = options.Hash ? StreamedHash.Create(source.Length, source.Read) : null;
        try
        {
            using var target = Create(name);
            byte[] buffer = new byte[(int)Math.Min(CopyBytes, source.Length)];
            for (long at = 0; at < source.Length;)
            {
                Span<byte> block = buffer.AsSpan(0, (int)Math.Min(buffer.Length, source.Length - at));
                source.Read(at, block);
                RandomAccess.Write(target, block, at);
                hash?.Add(at, block);
                at += block.Length;
            }

            RandomAccess.FlushToDisk(target);
        }
        catch (Exception e) when (Explain(e, place, null) is { } explained)
        {
            throw explained;
        }

        Note(name, source.Length, hash);
    }

    private void RequireNew(string name)
    {
        ObjectDisposedException.ThrowIf(state != State.Writing, this);
        if (!ManifestFile.IsOutputName(name)) throw new ArgumentException($"{Quoting.Quote(name)} is no plain file name.", nameof(name));
        // On some file systems names that differ in nothing but case are one name.
        bool Same(string other) => string.Equals(other, name, StringComparison.OrdinalIgnoreCase);
        if (plan.Shards.Any(s => Same(s.FileName) || Same(s.FileName + WritingSuffix)) || extras.Any(e => Same(e.Name)) || Same(MergeManifest.FileName) || Same(ShardedIndex.FileName))
            throw new ArgumentException($"The output has a file {Quoting.Quote(name)} already.", nameof(name));
    }

    private void AddChecked(string name, ReadOnlySpan<byte> bytes)
    {
        try
        {
            WriteSynced(name, bytes);
        }
        catch (Exception e) when (Explain(e, place, null) is { } explained)
        {
            throw explained;
        }

        StreamedHash? hash = options.Hash ? StreamedHash.Create(bytes.Length, static (_, _) => throw new InvalidOperationException("All bytes came in one span.")) : null;
        hash?.Add(0, bytes);
        Note(name, bytes.Length, hash);
    }

    private void Note(string name, long length, StreamedHash? hash)
    {
        extras.Add(ManifestOutput.Of(name, length, hash));
    }

    private void WriteSynced(string name, ReadOnlySpan<byte> bytes)
    {
        using var handle = Create(name);
        RandomAccess.Write(handle, bytes, 0);
        RandomAccess.FlushToDisk(handle);
    }

    private Microsoft.Win32.SafeHandles.SafeFileHandle Create(string name)
    {
        string path = Path.Combine(place.Model, name);
        if (name.Contains('/', StringComparison.Ordinal)) Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None);
    }
}
