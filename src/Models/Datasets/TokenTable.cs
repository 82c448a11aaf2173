namespace MergeEngine.Models.Datasets;

/// <summary>
/// The tokens of many texts, one text after another without padding. It keeps its memory when it is cleared, so that filling it again
/// allocates nothing.
/// </summary>
public sealed class TokenTable
{
    private int[] _ids = [];
    private int[] _types = [];
    private int[] _mask = [];
    private int[] _starts = new int[1];

    /// <summary>Texts.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens of all texts.</summary>
    public int TokenCount => _starts[Count];

    /// <summary>Tokens of the longest text.</summary>
    public int MaxLength { get; private set; }

    public void Clear() => Count = MaxLength = 0;

    /// <summary>Adds a text.</summary>
    /// <param name="ids">Its tokens, at least one.</param>
    /// <param name="types">Token type of each; empty for 0.</param>
    /// <param name="mask">
    /// 0 for a token that no other one sees, anything else for one that is seen; empty for all seen. Unseen tokens at the end are padding and left out.
    /// </param>
    /// <exception cref="ArgumentException">There is no token that is seen, or the spans differ in length.</exception>
    public void Add(ReadOnlySpan<int> ids, ReadOnlySpan<int> types = default, ReadOnlySpan<int> mask = default)
    {
        if (!types.IsEmpty && types.Length != ids.Length) throw new ArgumentException($"There are {types.Length} token types for {ids.Length} tokens.", nameof(types));
        if (!mask.IsEmpty && mask.Length != ids.Length) throw new ArgumentException($"There are {mask.Length} values of a mask for {ids.Length} tokens.", nameof(mask));
        int length = mask.IsEmpty ? ids.Length : mask.LastIndexOfAnyExcept(0) + 1, start = TokenCount;
        if (length == 0) throw new ArgumentException("A text has at least one token that is seen.", nameof(ids));
        Reserve(length);
        ids[..length].CopyTo(_ids.AsSpan(start));
        Span<int> ownTypes = _types.AsSpan(start, length), ownMask = _mask.AsSpan(start, length);
        if (types.IsEmpty) ownTypes.Clear();
        else types[..length].CopyTo(ownTypes);
        if (mask.IsEmpty) ownMask.Fill(1);
        else mask[..length].CopyTo(ownMask);
        if (_starts.Length < Count + 2) Array.Resize(ref _starts, Math.Max(16, 2 * _starts.Length));
        _starts[++Count] = start + length;
        MaxLength = Math.Max(MaxLength, length);
    }

    /// <summary>Tokens of a text.</summary>
    public int LengthOf(int text) => _starts[text + 1] - _starts[text];

    public ReadOnlySpan<int> Ids(int text) => _ids.AsSpan(_starts[text], LengthOf(text));

    public ReadOnlySpan<int> Types(int text) => _types.AsSpan(_starts[text], LengthOf(text));

    /// <summary>0 for a token that no other one sees.</summary>
    public ReadOnlySpan<int> Mask(int text) => _mask.AsSpan(_starts[text], LengthOf(text));

    private void Reserve(int more)
    {
        int needed = checked(TokenCount + more);
        if (needed <= _ids.Length) return;
        int size = (int)Math.Min(Array.MaxLength, Math.Max(256, Math.Max(2L * _ids.Length, needed)));
        Array.Resize(ref _ids, size);
        Array.Resize(ref _types, size);
        Array.Resize(ref _mask, size);
    }
}
