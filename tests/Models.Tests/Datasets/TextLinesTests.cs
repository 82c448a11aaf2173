using System.Text;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Tests.Tokenizers;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Datasets;

/// <summary>Files with a text on each line: every line is the text that it looks like, and a file without lines is not held.</summary>
public sealed class TextLinesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ITokenizer _tokenizer = TokenizerFixtures.Load("bytebpe-clip");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("a cat\nthe dog\n", new[] { "a cat", "the dog" })]
    [InlineData("a cat\r\nthe dog", new[] { "a cat", "the dog" })]
    [InlineData("\uFEFFa cat\n\n\nthe dog\n\n", new[] { "a cat", "", "", "the dog", "" })]
    [InlineData("\n", new[] { "" })]
    [InlineData("a cat\rand\u2028a dog\n", new[] { "a cat\rand\u2028a dog" })]
    [InlineData("שלום cat \U0001F600\n", new[] { "שלום cat \U0001F600" })]
    public void Each_line_is_a_text(string content, string[] texts)
    {
        TextSplit split = TextLines.Read(Write(Encoding.UTF8.GetBytes(content)), _tokenizer, 16, []);
        Assert.Equal(texts.Length, split.Count);
        var tokens = new TokenSequence();
        for (int i = 0; i < texts.Length; i++)
        {
            _tokenizer.Encode(texts[i], new TokenizerOptions { MaxLength = 16 }, tokens);
            Assert.Equal(tokens.Ids, split.Tokens.Ids(i));
        }
    }

    [Fact]
    public void A_file_without_texts_gets_a_sentence()
    {
        Refused([], "there is no line, expected one for each text.");
        Refused("good\nbad \u00FF\n"u8.ToArray().Select(b => b == 0xC3 ? (byte)0xFF : b).ToArray(), "line 2 is not UTF-8, expected a text file.");
        Refused([.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("a cat\n")], "line 1 is not UTF-8, expected a text file.");
        Refused([(byte)'a', (byte)'\n', .. new byte[(16 << 20) + (1 << 17)]], "line 2 is longer than 16777216 bytes, expected a text on each line.");
    }

    [Fact]
    public void Labels_that_are_not_as_many_get_a_sentence()
    {
        string path = Write("a\nb\n"u8.ToArray());
        Assert.Equal($"{path}: has 2 lines for 3 labels, expected one line for each.", Assert.Throws<ModelException>(() => TextLines.Read(path, _tokenizer, 16, [0, 1, 0])).Message);
    }

    private void Refused(byte[] content, string sentence)
    {
        string path = Write(content);
        Assert.Equal($"{path}: {sentence}", Assert.Throws<ModelException>(() => TextLines.Read(path, _tokenizer, 16, [])).Message);
    }

    private string Write(byte[] content)
    {
        string path = _directory.File("texts.txt");
        File.WriteAllBytes(path, content);
        return path;
    }
}
