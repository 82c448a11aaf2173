using System.Text;
using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Tests.CommandLine;

public sealed class Utf8PiecesTests
{
    [Fact]
    public void Pieces_of_any_length_make_the_same_text()
    {
        // Characters of one to four bytes, over more than one buffer.
        string text = string.Concat(Enumerable.Repeat("a\u00E4\u91CD\U0001F600", 5000));
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        foreach (int length in (int[])[1, 2, 3, 7, 4096, 5001, bytes.Length])
        {
            using var writer = new StringWriter();
            using (var pieces = new Utf8Pieces(writer))
            {
                for (int at = 0; at < bytes.Length; at += length) pieces.Write(bytes.AsSpan(at, Math.Min(length, bytes.Length - at)));
            }

            Assert.Equal(text, writer.ToString());
        }
    }
}
