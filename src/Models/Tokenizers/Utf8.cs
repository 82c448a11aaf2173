namespace MergeEngine.Models.Tokenizers;

/// <summary>UTF-8 of one code point.</summary>
internal static class Utf8
{
    /// <summary>Writes the bytes of a code point.</summary>
    /// <param name="point">Any code point.</param>
    /// <param name="bytes">[≥ 4].</param>
    /// <returns>How many bytes.</returns>
    public static int Encode(int point, Span<byte> bytes)
    {
        if (point < 0x80)
        {
            bytes[0] = (byte)point;
            return 1;
        }

        if (point < 0x800)
        {
            bytes[0] = (byte)(0xC0 | (point >> 6));
            bytes[1] = Continuation(point);
            return 2;
        }

        if (point < 0x10000)
        {
            bytes[0] = (byte)(0xE0 | (point >> 12));
            bytes[1] = Continuation(point >> 6);
            bytes[2] = Continuation(point);
            return 3;
        }

        bytes[0] = (byte)(0xF0 | (point >> 18));
        bytes[1] = Continuation(point >> 12);
        bytes[2] = Continuation(point >> 6);
        bytes[3] = Continuation(point);
        return 4;
    }

    private static byte Continuation(int bits) => (byte)(0x80 | (bits & 0x3F));
}
