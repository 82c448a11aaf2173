using System.Text;

namespace MergeEngine.Merging.Tests.Streaming.Fuzz;

/// <summary>Damages documents: bytes, whole words, numbers, structure; now and then so often that what was a line becomes a bomb.</summary>
internal sealed class Mutator(byte[][] seeds, string[] pieces)
{
    /// <summary>Longest document that is made: long enough for what is quadratic to show.</summary>
    private const int MostBytes = 1 << 16;

    private static readonly string[] s_anywhere =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "true", "0", "1", "-1", "1e3", "1e308", "-1e309", "NaN", "Infinity", "9223372036854775807", "18446744073709551616", "0.1", "{}", "[]", "\"\"",
        "\\ud800", "\\u0000", "\0", "\uFEFF", " ", "\n", "../", "/etc/passwd", "é🦊", "\u202e", "\"a\":1,", "\"a\":{\"a\":", "[[[[[[[[",
    ];

    private readonly byte[][] _pieces = [.. pieces.Concat(s_anywhere).Select(Encoding.UTF8.GetBytes)];

    public byte[] Next(Random random)
    {
        var bytes = new List<byte>(seeds[random.Next(seeds.Length)]);
        for (int edits = random.Next(1, 6); edits > 0; edits--) Edit(bytes, random);
        return [.. bytes.Take(MostBytes)];
    }

    private void Edit(List<byte> bytes, Random random)
    {
        int at = random.Next(bytes.Count + 1), length = Math.Min(random.Next(1, 40), bytes.Count - at);
        byte[] piece = _pieces[random.Next(_pieces.Length)];
        switch (random.Next(9))
        {
            case 0: bytes.RemoveRange(at, length); break;
            case 1: bytes.InsertRange(at, piece); break;
            case 2 when at < bytes.Count: bytes[at] = (byte)random.Next(256); break;
            case 3: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
            case 4:
                byte[] other = seeds[random.Next(seeds.Length)];
                int from = random.Next(other.Length + 1);
                bytes.InsertRange(at, other[from..Math.Min(other.Length, from + random.Next(200))]);
                break;
            case 5: ReplaceWord(bytes, at, piece); break;
            case 6: ReplaceWord(bytes, at, Encoding.ASCII.GetBytes(random.NextInt64(-3, 1L << random.Next(1, 62)).ToString(System.Globalization.CultureInfo.InvariantCulture))); break;
            case 7 when random.Next(20) == 0: Repeat(bytes, at, random, length == 0 ? piece : [.. bytes.GetRange(at, length)]); break;
            default: bytes.RemoveRange(at, random.Next(10) == 0 ? bytes.Count - at : Math.Min(1, bytes.Count - at)); break;
        }
    }

    /// <summary>A change of one value leaves the structure whole, so that the checks behind the parser are met.</summary>
    private static void ReplaceWord(List<byte> bytes, int at, byte[] piece)
    {
        static bool IsWord(byte b) => b is (byte)'-' or (byte)'.' or (byte)'_' || char.IsAsciiLetterOrDigit((char)b);
        while (at < bytes.Count && !IsWord(bytes[at])) at++;
        int end = at;
        while (at > 0 && IsWord(bytes[at - 1])) at--;
        while (end < bytes.Count && IsWord(bytes[end])) end++;
        bytes.RemoveRange(at, end - at);
        bytes.InsertRange(at, piece);
    }

    private static void Repeat(List<byte> bytes, int at, Random random, byte[] piece)
    {
        int times = Math.Min(1 << random.Next(4, 15), MostBytes / Math.Max(1, piece.Length));
        bytes.InsertRange(at, Enumerable.Repeat(piece, times).SelectMany(p => p));
    }
}
