namespace MergeEngine.Models.Tokenizers.Lines;

/// <summary>Tokens as lines of JSON, in memory that is used again.</summary>
internal sealed class LineBuffer
{
    /// <summary>An int and what stands beside it.</summary>
    private const int MostPerNumber = 13;

    private byte[] _bytes = new byte[1 << 16];
    private int _count;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _count);

    public void Clear() => _count = 0;

    public void Write(TokenSequence tokens)
    {
        Reserve((tokens.Count * 4L * MostPerNumber) + 64);
        Write("{\"ids\":["u8);
        Write(tokens.Ids);
        Write("],\"type_ids\":["u8);
        Write(tokens.TypeIds);
        Write("],\"offsets\":["u8);
        WriteOffsets(tokens.Offsets);
        Write("]}\n"u8);
    }

    private void Reserve(long more)
    {
        if (_count + more > _bytes.Length) Array.Resize(ref _bytes, Buffers.Grown(_bytes.Length, _count + more));
    }

    private void Write(ReadOnlySpan<byte> text)
    {
        text.CopyTo(_bytes.AsSpan(_count));
        _count += text.Length;
    }

    private void Write(ReadOnlySpan<int> numbers)
    {
        Span<byte> bytes = _bytes.AsSpan(_count);
        int at = 0;
        for (int i = 0; i < numbers.Length; i++)
        {
            if (i > 0) bytes[at++] = (byte)',';
            at = Write(bytes, at, numbers[i]);
        }

        _count += at;
    }

    private void WriteOffsets(ReadOnlySpan<TokenOffset> offsets)
    {
        Span<byte> bytes = _bytes.AsSpan(_count);
        int at = 0;
        for (int i = 0; i < offsets.Length; i++)
        {
            if (i > 0) bytes[at++] = (byte)',';
            bytes[at++] = (byte)'[';
            at = Write(bytes, at, offsets[i].Start);
            bytes[at++] = (byte)',';
            at = Write(bytes, at, offsets[i].End);
            bytes[at++] = (byte)']';
        }

        _count += at;
    }

    /// <summary>Ids and offsets are small: writing them is most of the work of a line, so it is done without a general formatter.</summary>
    /// <returns>Where the next byte goes.</returns>
    private static int Write(Span<byte> bytes, int at, int number)
    {
        uint rest = (uint)number;
        if (rest < 10)
        {
            bytes[at] = (byte)('0' + rest);
            return at + 1;
        }

        int digits = rest < 100 ? 2 : rest < 1_000 ? 3 : rest < 10_000 ? 4 : rest < 100_000 ? 5 : Digits(rest);
        for (int i = at + digits - 1; i >= at; i--)
        {
            (rest, uint digit) = (rest / 10, rest % 10);
            bytes[i] = (byte)('0' + digit);
        }

        return at + digits;
    }

    private static int Digits(uint number)
    {
        int digits = 0;
        for (; number > 0; number /= 10) digits++;
        return digits;
    }
}
