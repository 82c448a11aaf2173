namespace MergeEngine.Models.Tokenizers;

/// <summary>Tokens of one text before anything is put around them.</summary>
internal sealed class TokenList
{
    private int[] _ids = new int[64];
    private TokenOffset[] _offsets = new TokenOffset[64];

    public int Count { get; private set; }

    /// <summary>Tokens beyond this many will be cut off: whoever fills the list may stop there.</summary>
    public int Enough { get; private set; }

    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    public ReadOnlySpan<TokenOffset> Offsets => _offsets.AsSpan(0, Count);

    public void Clear(int enough)
    {
        Count = 0;
        Enough = enough;
    }

    public void Add(int id, int start, int end)
    {
        if (Count == _ids.Length)
        {
            int size = Buffers.Grown(Count, Count + 1L);
            Array.Resize(ref _ids, size);
            Array.Resize(ref _offsets, size);
        }

        _ids[Count] = id;
        _offsets[Count++] = new TokenOffset(start, end);
    }

    /// <summary>Forgets all but the first tokens.</summary>
    public void Truncate(int count) => Count = Math.Min(Count, count);
}
