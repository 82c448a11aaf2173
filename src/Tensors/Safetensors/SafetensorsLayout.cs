using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// A safetensors file before it exists: its first bytes, and where each tensor will stand. The widest dtypes first, then by name in UTF-8
/// order, as the reference crate sorts; the data begins at a multiple of 8, so that every tensor is aligned to its element. Bytes that are
/// written to these places, in any order, make the file that <see cref="SafetensorsWriter.Write"/> makes of the same tensors.
/// </summary>
public sealed class SafetensorsLayout
{
    private readonly IReadOnlyDictionary<string, string>? _metadata;
    private readonly WeakReference<byte[]> _header;
    private readonly int _headerLength;

    private SafetensorsLayout(TensorEntry[] tensors, IReadOnlyDictionary<string, string>? metadata, byte[] header, int headerLength)
    {
        (Tensors, _metadata, _header, _headerLength) = (tensors, metadata, new WeakReference<byte[]>(header), headerLength);
        FileLength = checked(headerLength + (tensors.Length == 0 ? 0 : tensors[^1].End));
    }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>The file from its first byte to the data: the length of the JSON, the JSON, its padding. Made again where nobody holds it, as it takes as much as all else here.</summary>
    public ReadOnlyMemory<byte> HeaderBytes
    {
        get
        {
            if (!_header.TryGetTarget(out byte[]? header)) _header.SetTarget(header = HeaderBuilder.Build(Tensors, _metadata, out _));
            return header.AsMemory(0, _headerLength);
        }
    }

    /// <summary>Where the data starts, counted from the start of the file; a multiple of 8.</summary>
    public long DataStart => _headerLength;

    /// <summary>The length of the whole file in bytes.</summary>
    public long FileLength { get; }

    /// <summary>Lays out a file.</summary>
    /// <param name="file">What messages call the file.</param>
    /// <param name="tensors">The tensors in any order.</param>
    /// <param name="metadata">The <c>__metadata__</c>; null for none.</param>
    /// <exception cref="SafetensorsException">A name stands twice or is not allowed, or the header would be longer than readers accept.</exception>
    /// <exception cref="OverflowException">The file would be longer than a signed 64-bit number says.</exception>
    public static SafetensorsLayout Create(
        string file, IEnumerable<(string Name, DType DType, Shape Shape)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        (string Name, DType DType, Shape Shape)[] sorted = [.. tensors];
        Array.Sort(sorted, static (a, b) => a.DType != b.DType ? b.DType.CompareTo(a.DType) : Utf8Order.Instance.Compare(a.Name, b.Name));
        CheckNames(file, sorted, metadata);
        var entries = new TensorEntry[sorted.Length];
        long begin = 0;
        for (int i = 0; i < entries.Length; i++)
        {
            long end = checked(begin + sorted[i].DType.ByteCount(sorted[i].Shape.ElementCount));
            entries[i] = new TensorEntry(sorted[i].Name, sorted[i].DType, sorted[i].Shape, begin, end);
            begin = end;
        }

        metadata = metadata is null ? null : new Dictionary<string, string>(metadata, StringComparer.Ordinal);
        byte[] header = HeaderBuilder.Build(entries, metadata, out int length);
        if (length - SafetensorsHeader.PrefixLength > SafetensorsHeader.MaxByteLength)
            throw new SafetensorsException($"{file}: the header would take {length} bytes, expected at most {SafetensorsHeader.MaxByteLength}.");
        return new SafetensorsLayout(entries, metadata, header, length);
    }

    private static void CheckNames(
        string file, (string Name, DType DType, Shape Shape)[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var seen = new HashSet<string>(tensors.Length, StringComparer.Ordinal);
        foreach (var (name, _, _) in tensors)
        {
            string? complaint = HeaderParser.CheckName(name);
            if (name == "__metadata__") complaint = "a tensor is called __metadata__, which is the header's own key";
            if (!IsUnicode(name)) complaint = $"the tensor name {Quoting.Quote(name)} holds half a surrogate pair";
            if (!seen.Add(name)) complaint = $"two tensors are called {Quoting.Quote(name)}";
            if (complaint is not null) throw new SafetensorsException($"{file}: {complaint}.");
        }

        foreach (var (key, value) in metadata ?? new Dictionary<string, string>())
        {
            if (!IsUnicode(key) || !IsUnicode(value))
                throw new SafetensorsException($"{file}: the metadata {Quoting.Quote(key)} holds half a surrogate pair.");
        }
    }

    private static bool IsUnicode(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1])) return false;
            i++;
        }

        return true;
    }
}
