using System.Text;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

public sealed class Utf8LinesTests
{
    [Theory]
    [InlineData("")]
    [InlineData("\uFEFF")]
    [InlineData("\n", "")]
    [InlineData("a", "a")]
    [InlineData("a\n", "a")]
    [InlineData("a\n\n", "a", "")]
    [InlineData("a\r\nb\r\n", "a", "b")]
    [InlineData("a\r\r\nb\rc", "a\r", "b\rc")]
    [InlineData("\uFEFFa\n\uFEFFb", "a", "\uFEFFb")]
    [InlineData("a\u2028b\u0085c\u000Bd\n", "a\u2028b\u0085c\u000Bd")]
    public void Lines_end_with_LF_or_CRLF_alone(string text, params string[] lines) => Assert.Equal(lines, Utf8Lines.Split(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused_with_their_place() =>
        Assert.Equal(2, Assert.Throws<DecoderFallbackException>(() => Utf8Lines.Split([97, 10, 0xFF, 98])).Index);
}
