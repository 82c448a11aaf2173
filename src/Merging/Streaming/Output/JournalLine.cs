using System.Globalization;
using MergeEngine.Merging.Streaming.Hashing.Sha2;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>What a line of a journal says.</summary>
internal enum JournalKind
{
    /// <summary>A piece of an output is written, with this digest. Of several lines of a piece the last one counts.</summary>
    Written,

    /// <summary>What is written of a piece of an output is not to be used, whatever was noted of it before.</summary>
    Discarded,

    /// <summary>A piece of an input was read, and had this digest.</summary>
    Read,

    /// <summary>An input had another time when the merge was gone on with, so that from then on its bytes are asked, and not its time. It has no piece and no digest.</summary>
    Touched,
}

/// <summary>A line of a journal without its check: <c>written 0 12 DIGEST</c>.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="File">The number of the output or input.</param>
/// <param name="Piece">The number of its piece.</param>
/// <param name="Digest">Of the piece, 32 bytes; zeros where there is none.</param>
internal readonly record struct JournalLine(JournalKind Kind, int File, int Piece, ReadOnlyMemory<byte> Digest)
{
    private static readonly byte[] s_none = new byte[Sha256State.DigestBytes];

    private static readonly string[] s_words = [.. Enum.GetNames<JournalKind>().Select(n => n.ToLowerInvariant())];

    public static JournalLine Written(int file, int piece, ReadOnlyMemory<byte> digest) => new(JournalKind.Written, file, piece, digest);

    public static JournalLine Discarded(int file, int piece) => new(JournalKind.Discarded, file, piece, s_none);

    public static JournalLine Read(int file, int piece, ReadOnlyMemory<byte> digest) => new(JournalKind.Read, file, piece, digest);

    public static JournalLine Touched(int file) => new(JournalKind.Touched, file, 0, s_none);

    /// <returns>Null if it is no such line.</returns>
    public static JournalLine? Parse(string line)
    {
        string[] words = line.Split(' ');
        return words.Length == 4 && Array.IndexOf(s_words, words[0]) is >= 0 and var kind
            && int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int file)
            && int.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out int piece)
            && words[3].Length == 2 * s_none.Length && words[3].All(char.IsAsciiHexDigitLower)
            ? new JournalLine((JournalKind)kind, file, piece, Convert.FromHexString(words[3]))
            : null;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{s_words[(int)Kind]} {File} {Piece} {Convert.ToHexStringLower(Digest.Span)}");
}
