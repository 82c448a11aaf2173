using System.Text;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Yaml;

/// <summary>What is read of YAML, and the sentence that everything else gets.</summary>
public sealed class YamlFileTests
{
    [Fact]
    public void Scalars_lists_and_mappings_come_with_their_places()
    {
        YamlMapping map = Assert.Single(YamlFile.Parse("a: 1 # a comment\nb:\n  - x\n  - { c: 'two words' }\n", "f.yml")).AsMapping("The file");
        Assert.Equal(1, map.Integer("a", 0));
        YamlSequence list = map.Require("b").AsSequence("'b'");
        Assert.Equal("f.yml:3:5", list.Items[0].Place.ToString());
        Assert.Equal("two words", list.Items[1].AsMapping("An item").RequireText("c"));
        map.Finish("The file");
    }

    [Theory]
    [InlineData("a: 1\nb: 2\na: 3\n", "f.yml:3:1", "the key 'a' occurs twice.")]
    [InlineData("a: { b: 1, b: 2 }\n", "f.yml:1:12", "the key 'b' occurs twice.")]
    [InlineData("[a]: 1\n", "f.yml:1:1", "A key must be a single value, found a list.")]
    [InlineData("x: 1\na:\n\t- 1\n", "f.yml:3:1", "tab")]
    [InlineData("a: [1, 2\n", "f.yml:2:1", "this is not YAML")]
    [InlineData("a: \"x\\0y\"\n", "f.yml:1:4", "NUL")]
    public void Bad_text_gets_one_sentence_with_line_and_column(string text, string place, string mention)
    {
        var error = Assert.Throws<YamlException>(() => YamlFile.Parse(text, "f.yml"));
        Assert.StartsWith($"{place}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(mention, error.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF }, "1:1")]
    [InlineData(new byte[] { (byte)'a', (byte)':', 0xC3, 0xBC, 0x80 }, "1:4")]
    [InlineData(new byte[] { (byte)'a', (byte)':', (byte)'\n', (byte)'b', 0xC3 }, "2:2")]
    public void Bytes_that_are_not_UTF8_are_named_with_their_place(byte[] bytes, string place)
    {
        var error = Assert.Throws<YamlException>(() => YamlFile.ReadText(new MemoryStream(bytes), "f.yml"));
        Assert.Equal($"f.yml:{place}: this is not UTF-8, expected text in it.", error.Message);
    }

    /// <summary>As some editors write it.</summary>
    [Fact]
    public void Text_in_UTF16_with_its_mark_is_read() =>
        Assert.Equal("a: ü", YamlFile.ReadText(new MemoryStream([.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("a: ü")]), "f.yml"));

    /// <summary>A tag constructs nothing: its value is the text behind it.</summary>
    [Fact]
    public void Tags_are_not_obeyed() =>
        Assert.Equal("ls", Assert.Single(YamlFile.Parse("a: !!python/object/apply:os.system ls\n", "f.yml")).AsMapping("The file").RequireText("a"));

    [Theory]
    [InlineData("[", "]", 60)]
    [InlineData("{a: ", "}", 60)]
    public void Sixty_levels_are_read(string open, string close, int levels) =>
        Assert.Single(YamlFile.Parse(Repeat(open, levels) + Repeat(close, levels), "f.yml"));

    /// <summary>The whole size that a file may have, all of it opening brackets.</summary>
    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    public void A_depth_bomb_is_refused_where_it_becomes_too_deep(string open)
    {
        var error = Assert.Throws<YamlException>(() => YamlFile.Parse(Repeat(open, YamlFile.MaxBytes / open.Length), "f.yml"));
        Assert.Contains("nested more than 64 levels deep", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "the file holds 0 documents, expected one.")]
    [InlineData("# nothing\n", "the file holds 0 documents, expected one.")]
    [InlineData("a: 1\n---\na: 2\n", "the file holds 2 documents, expected one.")]
    public void A_file_holds_one_document(string text, string mention)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory.File("f.yml"), text);
        Assert.Contains(mention, Assert.Throws<YamlException>(() => YamlFile.Read(directory.File("f.yml"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_may_have_one_mebibyte_and_no_more()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("f.yml");
        byte[] text = Encoding.ASCII.GetBytes("a: " + new string('x', YamlFile.MaxBytes - 3));
        File.WriteAllBytes(path, text);
        Assert.Equal(YamlFile.MaxBytes - 3, YamlFile.Read(path).AsMapping("The file").RequireText("a").Length);
        File.WriteAllBytes(path, [.. text, (byte)'x']);
        Assert.Contains("has more than 1048576 bytes", Assert.Throws<IOException>(() => YamlFile.Read(path)).Message, StringComparison.Ordinal);
    }

    /// <summary>A device has no length and no end.</summary>
    [Fact]
    public void An_endless_file_is_refused()
    {
        Assert.SkipUnless(File.Exists("/dev/zero"), "There is no /dev/zero here.");
        Assert.Contains("has more than", Assert.Throws<IOException>(() => YamlFile.Read("/dev/zero")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_and_a_missing_file_are_named()
    {
        using var directory = new TemporaryDirectory();
        Assert.Contains("is a directory, expected a YAML file.", Assert.Throws<IOException>(() => YamlFile.Read(directory.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("none.yml", Assert.Throws<FileNotFoundException>(() => YamlFile.Read(directory.File("none.yml"))).Message, StringComparison.Ordinal);
    }

    private static string Repeat(string text, int count) => new StringBuilder().Insert(0, text, count).ToString();
}
