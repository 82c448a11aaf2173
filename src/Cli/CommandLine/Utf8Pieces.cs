using System.Text;
using MergeEngine.Cli.Terminal;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Takes UTF-8 in pieces, which may end within a character, and hands it to a writer of text.</summary>
internal sealed class Utf8Pieces(TextWriter text) : WriteOnlyStream
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly char[] _characters = new char[4096];

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
