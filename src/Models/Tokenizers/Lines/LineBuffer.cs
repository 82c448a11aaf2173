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
        ReadOnlySpan<TokenOffset> offsets = tokens.Offsets;
        for (int i = 0; i < offsets.Length; i++)
        {
            if (i > 0) _bytes[_count++] = (byte)',';
            _bytes[_count++] = (byte)'[';
            Write(offsets[i].Start);
            _bytes[_count++] = (byte)',';
            Write(offsets[i].End);
            _bytes[_count++] = (byte)']';
        }

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
        for (int i = 0; i < numbers.Length; i++)
        {
            if (i > 0) _bytes[_count++] = (byte)',';
            Write(numbers[i]);
        }
    }

    private void Write(int number)
    {
        number.TryFormat(_bytes.AsSpan(_count), out int written, default, null);
        _count += written;
    }
}
