namespace MergeEngine.Merging.Streaming.Hashing;

/// <summary>Which bytes of a piece have come by, as ranges in order that do not touch each other.</summary>
internal sealed class ByteRanges
{
    private readonly List<(int Start, int End)> ranges = [];

    /// <summary>Adds a range.</summary>
    /// <param name="start">Its first byte.</param>
    /// <param name="end">The byte after its last.</param>
    /// <param name="news">Takes the parts of it that were not there.</param>
    /// <returns>Their bytes.</returns>
    public int Add(int start, int end, List<(int Start, int End)>? news = null)
    {
        if (start >= end) return 0;
        int first = 0;
        while (first < ranges.Count && ranges[first].End < start) first++;
        int after = first, from = start, added = 0, last = end, least = start;
        for (; after < ranges.Count && ranges[after].Start <= end; after++)
        {
            var (rangeStart, rangeEnd) = ranges[after];
            New(from, Math.Min(rangeStart, end));
            from = Math.Max(from, rangeEnd);
            (least, last) = (Math.Min(least, rangeStart), Math.Max(last, rangeEnd));
        }

        New(from, end);
        ranges.RemoveRange(first, after - first);
        ranges.Insert(first, (least, last));
        return added;

        void New(int from, int until)
        {
            if (from >= until) return;
            news?.Add((from, until));
            added += until - from;
        }
    }

    /// <summary>The end of what is there from a place on without a gap; the place itself if it is not there.</summary>
    public int EndFrom(int place)
    {
        foreach (var (start, end) in ranges)
        {
            if (start <= place && place < end) return end;
        }

        return place;
    }
}
