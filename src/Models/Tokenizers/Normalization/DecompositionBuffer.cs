using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Normalization;

/// <summary>
/// A canonical decomposition as the reference keeps it: each code point with a change, 0 for one that stands for one of the text, 1 for one that
/// was put in after it. Marks are sorted by class together with their changes, and positions are told from the changes in the order that results.
/// </summary>
internal sealed class DecompositionBuffer
{
    /// <summary>Runs of marks up to this length are sorted by insertion, as nearly all are; longer ones must not cost a square.</summary>
    private const int LongRun = 32;

    private int[] _points = new int[256];
    private int[] _changes = new int[256];
    private long[] _keys = new long[64];
    private int[] _copy = new int[128];
    private int _runStart;

    public int Count { get; private set; }

    public Span<int> Points => _points.AsSpan(0, Count);

    public Span<int> Changes => _changes.AsSpan(0, Count);

    /// <summary>Decomposes a text: NFD.</summary>
    public void Decompose(ReadOnlySpan<int> text)
    {
        Buffers.Ensure(ref _points, (long)text.Length * Decomposition.MaxParts);
        Buffers.Ensure(ref _changes, (long)text.Length * Decomposition.MaxParts);
        Count = 0;
        _runStart = 0;
        Span<int> parts = stackalloc int[Decomposition.MaxParts];
        foreach (int point in text)
        {
            int count = point < Decomposition.First ? 0 : Decomposition.Of(point, parts);
            if (count == 0) Add(point, change: 0);
            for (int i = 0; i < count; i++) Add(parts[i], Math.Min(i, 1));
        }

        SortRun();
    }

    /// <summary>Keeps <paramref name="count"/> code points, after a step has moved them.</summary>
    public void Truncate(int count) => Count = count;

    private void Add(int point, int change)
    {
        if (point < Decomposition.First || CombiningClasses.Of(point) == 0)
        {
            SortRun();
            _runStart = Count + 1;
        }

        _points[Count] = point;
        _changes[Count++] = change;
    }

    /// <summary>Brings the marks since the last starter into canonical order; equal classes stay as they are.</summary>
    private void SortRun()
    {
        int length = Count - _runStart;
        if (length < 2) return;
        Span<int> points = _points.AsSpan(_runStart, length), changes = _changes.AsSpan(_runStart, length);
        if (length > LongRun)
        {
            SortLong(points, changes);
            return;
        }

        for (int i = 1; i < length; i++)
        {
            int point = points[i], change = changes[i], key = CombiningClasses.Of(point), at = i;
            for (; at > 0 && CombiningClasses.Of(points[at - 1]) > key; at--) (points[at], changes[at]) = (points[at - 1], changes[at - 1]);
            (points[at], changes[at]) = (point, change);
        }
    }

    private void SortLong(Span<int> points, Span<int> changes)
    {
        int length = points.Length;
        Buffers.Ensure(ref _keys, length);
        Buffers.Ensure(ref _copy, 2L * length);
        Span<long> keys = _keys.AsSpan(0, length);
        for (int i = 0; i < length; i++) keys[i] = ((long)CombiningClasses.Of(points[i]) << 32) | (uint)i;
        keys.Sort();
        points.CopyTo(_copy);
        changes.CopyTo(_copy.AsSpan(length));
        for (int i = 0; i < length; i++)
        {
            int from = (int)keys[i];
            points[i] = _copy[from];
            changes[i] = _copy[length + from];
        }
    }
}
