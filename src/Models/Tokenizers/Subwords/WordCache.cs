using System.Buffers.Binary;

namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>
/// Tokens of short words that one model has made before: a table of a megabyte, in which a new word takes the place of the one that was there.
/// What comes out does not depend on it, as a word has the same tokens wherever it stands.
/// </summary>
internal sealed class WordCache
{
    private const int Bits = 14;
    private const int LongestWord = 15;
    private const int MostParts = 6;
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private (ulong Low, ulong High)[] _keys = [];
    private byte[] _counts = [];
    private Part[] _parts = [];
    private SubwordModel? _owner;

    /// <summary>Forgets what another model made; takes memory when the first one comes.</summary>
    public void Serve(SubwordModel owner)
    {
        if (ReferenceEquals(_owner, owner)) return;
        if (_owner is null)
        {
            _keys = new (ulong, ulong)[1 << Bits];
            _counts = new byte[1 << Bits];
            _parts = new Part[MostParts << Bits];
        }

        _owner = owner;
        Array.Clear(_counts);
    }

    /// <summary>The place of a word; <see cref="CountAt"/> is 0 there if it is not known, and the place is the word's own from now on.</summary>
    /// <param name="bytes">UTF-8 of the word, and more: 16 bytes at least.</param>
    /// <param name="length">Bytes of the word, at least 1.</param>
    /// <param name="place">Where it is.</param>
    /// <returns>False for words too long to be kept.</returns>
    public bool TryFind(ReadOnlySpan<byte> bytes, int length, out int place)
    {
        place = 0;
        if (length > LongestWord) return false;
        ulong low = BinaryPrimitives.ReadUInt64LittleEndian(bytes), high = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        if (length < 8) (low, high) = (low & ((1UL << (8 * length)) - 1), 0);
        else high &= (1UL << (8 * (length - 8))) - 1;
        // The free last byte tells "a" from "a\0".
        high |= (ulong)length << 56;
        place = (int)((((low * Multiplier) ^ high) * Multiplier) >> (64 - Bits));
        if (_keys[place] == (low, high)) return true;
        _keys[place] = (low, high);
        _counts[place] = 0;
        return true;
    }

    public int CountAt(int place) => _counts[place];

    public ReadOnlySpan<Part> PartsAt(int place) => _parts.AsSpan(place * MostParts, _counts[place]);

    /// <summary>Keeps the symbols of a word that was just found not to be known.</summary>
    public void Store(int place, BytePairScratch.Symbol[] symbols, int count)
    {
        int kept = 0;
        Span<Part> parts = _parts.AsSpan(place * MostParts, MostParts);
        for (int i = 0; i < count; i = symbols[i].Next)
        {
            if (kept == MostParts) return;
            parts[kept++] = new Part(symbols[i].Id, symbols[i].Length);
        }

        _counts[place] = (byte)kept;
    }

    /// <summary>A token of a word and its bytes.</summary>
    internal readonly record struct Part(int Id, int Length);
}
