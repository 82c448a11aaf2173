namespace MergeEngine.Models.Tokenizers;

/// <summary>
/// Tokens of one text or pair, in memory that belongs to the caller and is used again by the next call. Not for two threads at a time.
/// </summary>
public sealed class TokenSequence
{
    private int[] _ids = new int[64];
    private int[] _typeIds = new int[64];
    private int[] _attention = new int[64];
    private bool[] _special = new bool[64];
    private TokenOffset[] _offsets = new TokenOffset[64];

    /// <summary>How many tokens there are, fillings included.</summary>
    public int Count { get; private set; }

    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    /// <summary>0 for the first text and 1 for the second, as the model counts them.</summary>
    public ReadOnlySpan<int> TypeIds => _typeIds.AsSpan(0, Count);

    /// <summary>1 for tokens, 0 for fillings.</summary>
    public ReadOnlySpan<int> AttentionMask => _attention.AsSpan(0, Count);

    /// <summary>True for tokens that were put around the text, not for special tokens written in it; true for fillings.</summary>
    public ReadOnlySpan<bool> SpecialMask => _special.AsSpan(0, Count);

    /// <summary>Where the tokens stand: those of the second text count from its own start.</summary>
    public ReadOnlySpan<TokenOffset> Offsets => _offsets.AsSpan(0, Count);

    /// <summary>What an encoder needs beside the result; created by the first call.</summary>
    internal TokenizerScratch Scratch { get; } = new();

    public void Clear() => Count = 0;

    /// <summary>Adds one token.</summary>
    public void Add(int id, int typeId, TokenOffset offset, bool isSpecial = false) => Add(id, typeId, offset, isSpecial, attention: 1);

    /// <summary>Fills up at the end until there are <paramref name="length"/> tokens; longer sequences stay.</summary>
    public void PadTo(int length, int id, int typeId = 0)
    {
        while (Count < length) Add(id, typeId, default, isSpecial: true, attention: 0);
    }

    /// <summary>Writes one row of a batch: <see cref="Count"/> values into each, the rest stays.</summary>
    /// <param name="ids">[≥ Count].</param>
    /// <param name="typeIds">[≥ Count], or empty if they are not wanted.</param>
    /// <param name="attentionMask">[≥ Count], or empty if it is not wanted.</param>
    public void CopyTo(Span<int> ids, Span<int> typeIds, Span<int> attentionMask)
    {
        Ids.CopyTo(ids);
        if (!typeIds.IsEmpty) TypeIds.CopyTo(typeIds);
        if (!attentionMask.IsEmpty) AttentionMask.CopyTo(attentionMask);
    }

    private void Add(int id, int typeId, TokenOffset offset, bool isSpecial, int attention)
    {
        if (Count == _ids.Length) Grow();
        _ids[Count] = id;
        _typeIds[Count] = typeId;
        _attention[Count] = attention;
        _special[Count] = isSpecial;
        _offsets[Count++] = offset;
    }

    private void Grow()
    {
        int size = Buffers.Grown(_ids.Length, Count + 1);
        Array.Resize(ref _ids, size);
        Array.Resize(ref _typeIds, size);
        Array.Resize(ref _attention, size);
        Array.Resize(ref _special, size);
        Array.Resize(ref _offsets, size);
    }
}
