using System.Buffers.Binary;
using System.Text;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>Files put together byte by byte, so that they can be as wrong as a test needs.</summary>
internal static class RawFile
{
    public static byte[] Bytes(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, ulong? length = null)
    {
        var bytes = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length ?? (ulong)header.Length);
        header.CopyTo(bytes.AsSpan(8));
        data.CopyTo(bytes.AsSpan(8 + header.Length));
        return bytes;
    }

    public static void Write(string path, string header, ReadOnlySpan<byte> data) =>
        File.WriteAllBytes(path, Bytes(Encoding.UTF8.GetBytes(header), data));
}
