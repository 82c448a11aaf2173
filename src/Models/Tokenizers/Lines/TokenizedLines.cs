namespace MergeEngine.Models.Tokenizers.Lines;

/// <summary>
/// Lines of JSON in, lines of tokens out: a string, or an array of two strings for a pair, becomes
/// <c>{"ids":[…],"type_ids":[…],"offsets":[[s,e],…]}</c>. Memory depends on the longest line, not on how many there are.
/// </summary>
public sealed class TokenizedLines
{
    /// <summary>Lines are read in blocks of about this many bytes.</summary>
    private const int BlockSize = 1 << 20;

    /// <summary>A thread takes at least this much of a block.</summary>
    private const int LeastShare = 16 << 10;

    /// <summary>Longer lines are refused rather than held.</summary>
    private const int LongestLine = 1 << 29;

    private readonly LineEncoder[] _encoders;
    private byte[] _block = new byte[BlockSize];

    /// <param name="tokenizer">What encodes.</param>
    /// <param name="options">How; the same for every line.</param>
    /// <param name="threads">How many lines are encoded at a time; changes nothing else.</param>
    public TokenizedLines(ITokenizer tokenizer, TokenizerOptions options, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _encoders = [.. Enumerable.Range(0, threads).Select(_ => new LineEncoder(tokenizer, options))];
    }

    /// <summary>
    /// Encodes until the input ends. What has come in is answered before more is waited for, so that a program at the other end can take turns.
    /// </summary>
    /// <returns>How many lines there were.</returns>
    /// <exception cref="ModelException">A line is not what it should be; the lines before it are written.</exception>
    public long Run(Stream input, Stream output, CancellationToken stop)
    {
        long lines = 0;
        int filled = 0;
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            if (filled == _block.Length) Grow(lines);
            int read = Read(input, filled, stop);
            filled += read;
            // What was there before has no end of a line, so that a long one is searched once. The last line needs no end.
            int end = _block.AsSpan(filled - read, read).LastIndexOf((byte)'\n'), complete = read == 0 ? filled : end < 0 ? 0 : filled - read + end + 1;
            if (complete > 0) lines += Encode(_block.AsMemory(0, complete), lines, output);
            if (read == 0) return lines;
            _block.AsSpan(complete, filled - complete).CopyTo(_block);
            filled -= complete;
        }
    }

    /// <summary>One read, which a stop does not wait for: a terminal may never answer.</summary>
    private int Read(Stream input, int filled, CancellationToken stop) =>
        input.ReadAsync(_block, filled, _block.Length - filled, stop).WaitAsync(stop).GetAwaiter().GetResult();

    private void Grow(long lines)
    {
        if (_block.Length >= LongestLine) throw new ModelException($"line {lines + 1} has more than {LongestLine} bytes, expected shorter ones.");
        Array.Resize(ref _block, _block.Length * 2);
    }

    /// <summary>Shares whole lines out to the threads, and writes what they made in order.</summary>
    private long Encode(ReadOnlyMemory<byte> block, long before, Stream output)
    {
        int count = (int)Math.Clamp(block.Length / LeastShare, 1, _encoders.Length);
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            int end = i == count - 1 ? block.Length : EndOfLine(block.Span, Math.Max(start, (int)((long)block.Length * (i + 1) / count)));
            _encoders[i].Take(block[start..end]);
            start = end;
        }

        if (count == 1) _encoders[0].Run();
        else Parallel.For(0, count, i => _encoders[i].Run());
        long lines = 0;
        foreach (LineEncoder encoder in _encoders.AsSpan(0, count))
        {
            output.Write(encoder.Written);
            lines += encoder.Lines;
            if (encoder.Problem is not { } problem) continue;
            output.Flush();
            throw new ModelException($"line {before + lines + 1} {problem}");
        }

        output.Flush();
        return lines;
    }

    private static int EndOfLine(ReadOnlySpan<byte> block, int from)
    {
        int end = block[from..].IndexOf((byte)'\n');
        return end < 0 ? block.Length : from + end + 1;
    }
}
