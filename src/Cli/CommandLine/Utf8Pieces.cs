using System.Text;
using MergeEngine.Cli.Terminal;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Takes UTF-8 in pieces, which may end within a character, and hands it to a writer of text.</summary>
internal sealed class Utf8Pieces(TextWriter text) : WriteOnlyStream
{
    private const int PieceCharacters = 1 << 14;

    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly char[] _characters = new char[4096];

    /// <summary>A writer that hands large pieces to another, which takes long for each, as one that flushes does; it leaves that one open.</summary>
    public static TextWriter Buffer(TextWriter text) => new StreamWriter(new Utf8Pieces(text), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), PieceCharacters);

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            _decoder.Convert(buffer, _characters, flush: false, out int bytes, out int characters, out _);
            text.Write(_characters, 0, characters);
            buffer = buffer[bytes..];
        }
    }

    public override void Flush() => text.Flush();
}
