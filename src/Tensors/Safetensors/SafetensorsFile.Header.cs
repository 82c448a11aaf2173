using System.Buffers;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Safetensors;

/// <content>What stands before the data.</content>
public sealed unsafe partial class SafetensorsFile
{
    /// <summary>The header's JSON with its padding, read again: in memory it would take as much as all that it says.</summary>
    /// <exception cref="SafetensorsException">The file became shorter, or the disk failed.</exception>
    public byte[] ReadHeader()
    {
        byte[] json = GC.AllocateUninitializedArray<byte>((int)Header.ByteLength);
        ReadFront(json, SafetensorsHeader.PrefixLength);
        return json;
    }

    /// <summary>Bytes before the data: the header's length and its JSON, read again in pieces.</summary>
    /// <param name="destination">As many bytes as are asked for.</param>
    /// <param name="offset">The first of them, counted from the start of the file.</param>
    /// <exception cref="ArgumentOutOfRangeException">The bytes go beyond the header.</exception>
    /// <exception cref="SafetensorsException">The file became shorter, or the disk failed.</exception>
    public void ReadFront(Span<byte> destination, long offset)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireWithin(Header.DataStart, offset, destination.Length);
        ReadFully(destination, offset);
        Passing?.Invoke(offset, destination);
    }

    /// <summary>Reads and checks the header; its bytes are given back at once, as they would otherwise stand until the next full collection.</summary>
    private SafetensorsHeader ParseHeader(int length, Checkpoint? like)
    {
        byte* json = (byte*)NativeMemory.Alloc((nuint)Math.Max(length, 1));
        try
        {
            var bytes = new Span<byte>(json, length);
            ReadFully(bytes, SafetensorsHeader.PrefixLength);
            return SafetensorsHeader.Parse(bytes, FileLength, FilePath, like);
        }
        finally
        {
            NativeMemory.Free(json);
        }
    }

    /// <summary>Whether another file has the same header, byte for byte, and as much data: models that were tuned from one mostly do, and then have one table in memory.</summary>
    private bool HasHeaderOf(SafetensorsFile other, int length)
    {
        if (other._disposed || other.FileLength != FileLength || other.Header.ByteLength != length) return false;
        byte[] own = ArrayPool<byte>.Shared.Rent(ChunkBytes), others = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (int at = 0; at < length; at += ChunkBytes)
            {
                int count = Math.Min(ChunkBytes, length - at);
                ReadFully(own.AsSpan(0, count), SafetensorsHeader.PrefixLength + at);
                other.ReadFully(others.AsSpan(0, count), SafetensorsHeader.PrefixLength + at);
                if (!own.AsSpan(0, count).SequenceEqual(others.AsSpan(0, count))) return false;
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(own);
            ArrayPool<byte>.Shared.Return(others);
        }
    }
}
