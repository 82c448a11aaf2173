using System.Buffers.Binary;
using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// The table at the front of a safetensors file: <c>u64 N | N bytes of JSON | data</c>.
/// </summary>
/// <remarks>
/// Accepted is what the reference crate accepts (leading and trailing JSON white space, rank 0, empty dimensions, no tensors, any order of
/// keys), less what its map would hide or what no writer makes: duplicate keys at any level, fields other than dtype, shape and
/// data_offsets, names that are empty or hold NUL or half a surrogate pair, more than <see cref="Shape.MaxRank"/> dimensions, and
/// dimensions of 2⁶³ or more. A name like <c>../x</c> is only a key. The data must be covered from its first byte to the end of the file
/// without hole or overlap.
/// </remarks>
public sealed class SafetensorsHeader
{
    /// <summary>The longest header that is read, as in the reference crate.</summary>
    public const long MaxByteLength = 100_000_000;

    /// <summary>The number of bytes in front of the header.</summary>
    public const int PrefixLength = 8;

    private readonly Dictionary<string, TensorEntry> _byName;

    internal SafetensorsHeader(
        ReadOnlyDictionary<string, string> metadata, TensorEntry[] tensors, Dictionary<string, TensorEntry> byName, long byteLength)
    {
        Metadata = metadata;
        Tensors = tensors;
        _byName = byName;
        ByteLength = byteLength;
    }

    /// <summary>The <c>__metadata__</c> of the file; empty where there is none.</summary>
    public ReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>The length of the JSON with its padding, in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>Where the data starts, counted from the start of the file.</summary>
    public long DataStart => PrefixLength + ByteLength;

    public bool TryGet(string name, [NotNullWhen(true)] out TensorEntry? entry) => _byName.TryGetValue(name, out entry);

    /// <summary>Reads and checks a header.</summary>
    /// <param name="json">The N bytes after the length.</param>
    /// <param name="fileLength">The length of the whole file in bytes.</param>
    /// <param name="file">What messages call the file.</param>
    /// <exception cref="SafetensorsException">The header breaks a rule.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength, string file) => Parse(json, fileLength, file, null);

    /// <summary>The same, with the names that another checkpoint has in memory already.</summary>
    internal static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength, string file, Checkpoint? like) => new HeaderParser(json, fileLength, file, like).Parse();

    /// <summary>The name that these characters are, as it stands in memory.</summary>
    internal string? FindName(ReadOnlySpan<char> name) => _byName.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out string? found, out _) ? found : null;

    /// <summary>Checks the length in the first 8 bytes against the limit and the file.</summary>
    /// <returns>The header's length in bytes.</returns>
    /// <exception cref="SafetensorsException">The length is over the limit or past the end of the file.</exception>
    public static int CheckLength(ulong headerLength, long fileLength, string file, string expected)
    {
        if (TextOf(headerLength) is { } text) throw new SafetensorsException($"{file}: begins with the text {Quoting.Quote(text)}, expected {expected}.");
        if (headerLength > MaxByteLength)
            throw new SafetensorsException($"{file}: the header length is {headerLength} bytes, expected at most {MaxByteLength}.");
        if ((long)headerLength > fileLength - PrefixLength)
        {
            throw new SafetensorsException(
                $"{file}: the header length is {Counting.Of((long)headerLength, "byte")}, but the file holds only {fileLength - PrefixLength} after its first 8.");
        }

        return (int)headerLength;
    }

    /// <summary>The first bytes of a file, if they are those of a text: as a length they would be far beyond what is allowed.</summary>
    private static string? TextOf(ulong headerLength)
    {
        Span<byte> bytes = stackalloc byte[PrefixLength];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, headerLength);
        foreach (byte b in bytes)
        {
            if (b is not (>= 0x20 and < 0x7F) and not (byte)'\t' and not (byte)'\n' and not (byte)'\r') return null;
        }

        return Encoding.ASCII.GetString(bytes);
    }
}
