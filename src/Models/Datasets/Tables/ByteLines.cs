namespace MergeEngine.Models.Datasets.Tables;

/// <summary>Lines of a stream as bytes, in memory that grows to the longest line and no further than a bound.</summary>
internal sealed class ByteLines(Stream stream, int longest) : IDisposable
{
    private byte[] _bytes = new byte[1 << 16];
    private int _start;
    private int _end;
    private bool _atEnd;

    /// <summary>The line that was read last, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>True when reading stopped at a line longer than the bound.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>The next line without its end, valid until the next call; a byte order mark before the first is left out.</summary>
    public bool Read(out ReadOnlySpan<byte> line)
    {
        line = default;
        int searched = 0;
        while (true)
        {
            ReadOnlySpan<byte> rest = _bytes.AsSpan(_start, _end - _start);
            int length = rest[searched..].IndexOf((byte)'\n');
            if (length >= 0 || _atEnd)
            {
                length = length >= 0 ? searched + length : rest.Length;
                if (length == rest.Length && length == 0) return false;
                line = rest[..length];
                _start = Math.Min(_end, _start + length + 1);
                if (++Number == 1 && line.StartsWith("\uFEFF"u8)) line = line[3..];
                return true;
            }

            searched = rest.Length;
            if (searched > longest)
            {
                Number++;
                IsTooLong = true;
                return false;
            }

            Fill();
        }
    }

    public void Dispose() => stream.Dispose();

    private void Fill()
    {
        if (_start > 0)
        {
            _bytes.AsSpan(_start, _end - _start).CopyTo(_bytes);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _bytes.Length) Array.Resize(ref _bytes, 2 * _bytes.Length);
        int read = stream.Read(_bytes.AsSpan(_end));
        _end += read;
        _atEnd = read == 0;
    }
}
