namespace MergeEngine.Models.Tokenizers.Normalization;

/// <summary>
/// A part of a text while steps change it: code points from <see cref="Start"/> to <see cref="End"/>, and for each the position in the original
/// text of the code point that it came from. A step reads these and writes the other pair of arrays.
/// </summary>
internal sealed class TextBuffers
{
    /// <summary>Where the text starts: there is a free place before it, for a space that a step may put there.</summary>
    public const int Start = 1;

    private int[] _points = new int[256], _origins = new int[256];
    private int[] _nextPoints = new int[256], _nextOrigins = new int[256];

    public int End { get; private set; } = Start;

    public int Count => End - Start;

    public int[] Points => _points;

    public int[] Origins => _origins;

    /// <summary>Where a step writes code points, from <see cref="Start"/> on.</summary>
    public int[] NextPoints => _nextPoints;

    public int[] NextOrigins => _nextOrigins;

    /// <summary>Takes <paramref name="text"/> from position <paramref name="from"/> to <paramref name="to"/>.</summary>
    public void Load(ReadOnlySpan<int> text, int from, int to)
    {
        int count = to - from;
        Buffers.Ensure(ref _points, count + Start);
        Buffers.Ensure(ref _origins, count + Start);
        text[from..to].CopyTo(_points.AsSpan(Start));
        Span<int> origins = _origins.AsSpan(Start, count);
        for (int i = 0; i < origins.Length; i++) origins[i] = from + i;
        End = Start + count;
    }

    /// <summary>Makes room for what a step writes.</summary>
    public void EnsureNext(long count)
    {
        Buffers.Ensure(ref _nextPoints, count + Start);
        Buffers.Ensure(ref _nextOrigins, count + Start);
    }

    /// <summary>A step has written up to <paramref name="end"/>: this is the text now.</summary>
    public void Advance(int end)
    {
        (_points, _nextPoints) = (_nextPoints, _points);
        (_origins, _nextOrigins) = (_nextOrigins, _origins);
        End = end;
    }

    /// <summary>A step has changed the text in place and left it this long.</summary>
    public void SetEnd(int end) => End = end;
}
