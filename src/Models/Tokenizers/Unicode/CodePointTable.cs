namespace MergeEngine.Models.Tokenizers.Unicode;

/// <summary>A 16-bit value for every code point: an index of pages of 256, equal pages stored once.</summary>
internal sealed class CodePointTable
{
    private const int PageSize = 256;
    private const int PageCount = 0x110000 / PageSize;

    private readonly ushort[] _pages;
    private readonly ushort[] _index = new ushort[PageCount];

    private CodePointTable(ushort[]?[] pages)
    {
        var known = new List<ushort[]> { new ushort[PageSize] };
        for (int i = 0; i < PageCount; i++)
        {
            if (pages[i] is not { } page) continue;
            int same = known.FindIndex(other => other.AsSpan().SequenceEqual(page));
            if (same < 0)
            {
                same = known.Count;
                known.Add(page);
            }

            _index[i] = (ushort)same;
        }

        _pages = [.. known.SelectMany(page => page)];
    }

    /// <param name="point">A code point, surrogates included: 0 to 10FFFF.</param>
    public ushort this[int point] => _pages[(_index[point >>> 8] << 8) | (point & 0xFF)];

    /// <summary>Collects values; what is not set is 0.</summary>
    public sealed class Builder
    {
        private readonly ushort[]?[] _pages = new ushort[PageCount][];

        public ref ushort this[int point] => ref (_pages[point >>> 8] ??= new ushort[PageSize])[point & 0xFF];

        public CodePointTable Build() => new(_pages);
    }
}
