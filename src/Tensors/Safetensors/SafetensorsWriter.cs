using System.Buffers;
using System.Buffers.Binary;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// Writes safetensors files: the widest dtypes first, then by name in UTF-8 order, so that every tensor is aligned and equal input gives
/// equal bytes. Files appear under their name only when they are complete and on the disk.
/// </summary>
public static class SafetensorsWriter
{
    private const int CopyBytes = 1 << 20;

    /// <summary>Writes a file.</summary>
    /// <param name="path">The target; an existing file is replaced.</param>
    /// <param name="tensors">The tensors in any order.</param>
    /// <param name="metadata">The <c>__metadata__</c>, written in UTF-8 order of its keys; null for none.</param>
    /// <exception cref="SafetensorsException">A name stands twice or is not allowed, a callback wrote the wrong number of bytes, or the file cannot be written.</exception>
    public static void Write(string path, IEnumerable<TensorContent> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var contents = new Dictionary<string, TensorContent>(StringComparer.Ordinal);
        var described = new List<(string, DType, Shape)>();
        foreach (var tensor in tensors)
        {
            contents.TryAdd(tensor.Name, tensor);
            described.Add((tensor.Name, tensor.DType, tensor.Shape));
        }

        // The layout refuses a name that stands twice.
        var layout = SafetensorsLayout.Create(path, described, metadata);
        AtomicFile.Write(path, layout.FileLength, stream =>
        {
            stream.Write(layout.HeaderBytes.Span);
            foreach (var entry in layout.Tensors) WriteTensor(path, stream, entry.Name, entry.ByteLength, contents[entry.Name].Write);
        });
    }

    /// <summary>
    /// Writes a file with the same header, byte for byte, and the tensors in the same places; what is not replaced is copied. With no
    /// replacement at all the result is byte for byte the original, whatever order, padding or alignment its writer chose.
    /// </summary>
    /// <param name="original">The open file to start from; its own path may be the target.</param>
    /// <param name="path">The target; an existing file is replaced.</param>
    /// <param name="replacer">New bytes for a tensor, of the same number, or none to copy; called once a tensor in file order.</param>
    /// <exception cref="SafetensorsException">A replacement has another size, the original became shorter, or the file cannot be written.</exception>
    public static void Rewrite(SafetensorsFile original, string path, Func<TensorEntry, ReadOnlyMemory<byte>> replacer) =>
        RewriteStreaming(original, path, entry => replacer(entry) is { IsEmpty: false } bytes ? stream => stream.Write(bytes.Span) : null);

    /// <summary>As <see cref="Rewrite"/>, with callbacks that write the new bytes of a tensor to a stream, or null to copy.</summary>
    /// <inheritdoc cref="Rewrite" path="/exception"/>
    public static void RewriteStreaming(SafetensorsFile original, string path, Func<TensorEntry, Action<Stream>?> replacer)
    {
        AtomicFile.Write(path, original.FileLength, stream =>
        {
            Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixLength];
            byte[] header = original.ReadHeader();
            BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
            stream.Write(prefix);
            stream.Write(header);
            foreach (var entry in original.Tensors)
            {
                var write = replacer(entry) ?? (target => Copy(original, entry, target));
                WriteTensor(path, stream, entry.Name, entry.ByteLength, write);
            }
        });
    }

    /// <summary>Copies a tensor's bytes from an open file to a stream, as a <see cref="TensorContent"/> callback would.</summary>
    public static void Copy(SafetensorsFile source, TensorEntry entry, Stream destination)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(CopyBytes, entry.ByteLength));
        try
        {
            for (long offset = 0; offset < entry.ByteLength;)
            {
                var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, entry.ByteLength - offset));
                source.ReadBytes(entry, offset, piece);
                destination.Write(piece);
                offset += piece.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void WriteTensor(string path, Stream stream, string name, long length, Action<Stream> write)
    {
        SafetensorsException WrongLength(long found) =>
            new($"{path}: {found} bytes were written for tensor {Quoting.Quote(name)}, expected {length}.");
        var counting = new CountingStream(stream, length, WrongLength);
        write(counting);
        if (counting.Written != length) throw WrongLength(counting.Written);
    }
}
