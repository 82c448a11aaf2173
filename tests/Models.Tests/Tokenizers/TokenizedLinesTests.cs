using System.Text;
using System.Text.Json;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Models.Tokenizers.Lines;

namespace MergeEngine.Models.Tests.Tokenizers;

/// <summary>Lines of JSON in, lines of tokens out: the same whatever pieces the input comes in, and whatever the threads.</summary>
public sealed class TokenizedLinesTests
{
    private readonly ITokenizer _tokenizer = TokenizerFixtures.Load("bytebpe-clip");

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 2)]
    [InlineData(40_000, 3)]
    [InlineData(int.MaxValue, 4)]
    public void Pieces_of_the_input_change_nothing(int piece, int threads)
    {
        string[] texts = [.. Enumerable.Range(0, 300).Select(i => string.Join(' ', Enumerable.Repeat(i % 2 == 0 ? "a cat" : "schön \U0001F600", i % 17))), new string('x', 70_000)];
        byte[] input = Encoding.UTF8.GetBytes(string.Join('\n', texts.Select(text => JsonSerializer.Serialize(text))));
        using var output = new MemoryStream();
        var options = new TokenizerOptions { MaxLength = 20 };
        Assert.Equal(texts.Length, new TokenizedLines(_tokenizer, options, threads).Run(new Pieces(input, piece), output, default));
        string[] lines = Encoding.UTF8.GetString(output.ToArray()).TrimEnd('\n').Split('\n');
        Assert.Equal(texts.Length, lines.Length);
        var tokens = new TokenSequence();
        for (int i = 0; i < texts.Length; i++)
        {
            _tokenizer.Encode(texts[i], options, tokens);
            using JsonDocument line = JsonDocument.Parse(lines[i]);
            Assert.Equal(tokens.Ids.ToArray(), line.RootElement.Numbers("ids"));
            Assert.Equal(tokens.Offsets.ToArray(), line.RootElement.Offsets());
        }
    }

    [Theory]
    [InlineData("\"a\"\n{}\n", "line 2 is an object")]
    [InlineData("\"a\"\n\n", "line 2 is not JSON")]
    [InlineData("\"a\" \"b\"", "line 1 is not JSON")]
    [InlineData("[\"a\"]", "line 1 is an array of fewer than two")]
    [InlineData("\"\\ud800\"", "line 1 is not Unicode")]
    public void A_line_that_is_no_text_gets_a_sentence_and_those_before_it_are_written(string input, string sentence)
    {
        using var output = new MemoryStream();
        ModelException e = Assert.Throws<ModelException>(
            () => new TokenizedLines(_tokenizer, TokenizerOptions.Default, 1).Run(new Pieces(Encoding.UTF8.GetBytes(input), 3), output, default));
        Assert.StartsWith(sentence, e.Message, StringComparison.Ordinal);
        Assert.Equal(sentence[5] - '1', output.ToArray().Count(b => b == '\n'));
    }

    /// <summary>A pipe: no read gives more than a piece.</summary>
    private sealed class Pieces(byte[] content, int piece) : MemoryStream(content)
    {
        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            base.ReadAsync(buffer, offset, Math.Min(count, piece), cancellationToken);
    }
}
