using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Tests.Yaml;

/// <summary>Values of the wrong kind, out of range or unknown never pass.</summary>
public sealed class YamlMappingTests
{
    [Fact]
    public void Values_are_read_as_what_they_are_asked_for()
    {
        YamlMapping map = Parse("number: -2.5e-1\nwhole: 1_000\nflag: yes\nword: b\nlist: [1, 2.5]\nsingle: 3\ntext: '12'\nnothing: ~\n");
        Assert.Equal(-0.25, map.Number("number", 0));
        Assert.Equal(1000, map.Integer("whole", 0));
        Assert.True(map.Flag("flag", false));
        Assert.Equal("b", map.Choice("word", "a", "a", "b"));
        Assert.Equal([1, 2.5], map.Numbers("list", []));
        Assert.Equal([3], map.Numbers("single", []));
        Assert.Equal("12", map.Text("text"));
        Assert.Equal("fallback", map.Text("nothing", "fallback"));
        map.Finish("The file");
    }

    [Fact]
    public void What_is_absent_falls_back()
    {
        YamlMapping map = Parse("{}");
        Assert.Equal((1.5, 2L, true, "c"), (map.Number("a", 1.5), map.Integer("b", 2), map.Flag("d", true), map.Choice("e", "c", "c", "x")));
        Assert.Equal([7], map.Numbers("f", [7]));
        Assert.Null(map.Text("g"));
        Assert.Equal(0.5, map.NumberAbove("h", 0.5, 0));
    }

    [Theory]
    [InlineData(".nan")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-.inf")]
    [InlineData("1e999")]
    [InlineData("1,5")]
    [InlineData("one")]
    [InlineData("0x10")]
    [InlineData("010")]
    [InlineData("'1'")]
    [InlineData("\"1\"")]
    public void A_number_is_finite_and_unquoted(string text)
    {
        string found = text[0] is '\'' or '"' ? "the text \"1\"" : $"'{text}'";
        foreach (string form in new[] { text, $"[0, {text}]" })
        {
            if (text.Contains(',', StringComparison.Ordinal) && form[0] == '[') continue;
            Refuses($"k: {form}", map => map.Numbers("k", []), $"'k' must be a number, found {found}.");
        }

        Refuses($"k: {text}", map => map.Number("k", 0), $"'k' must be a number, found {found}.");
        Refuses($"k: {text}", map => map.Integer("k", 0), $"'k' must be a whole number, found {found}.");
    }

    [Theory]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData("99999999999999999999")]
    [InlineData("_")]
    public void A_whole_number_is_whole(string text) => Refuses($"k: {text}", map => map.Integer("k", 0), $"'k' must be a whole number, found '{text}'.");

    [Fact]
    public void Numbers_lie_in_their_range()
    {
        Refuses("k: 1.01", map => map.Number("k", 0, 0, 1), "'k' must lie in [0, 1], found 1.01.");
        Refuses("k: -1", map => map.Number("k", 0, 0), "'k' must be at least 0, found -1.");
        Refuses("k: [0.5, 2]", map => map.Numbers("k", [], 0, 1), "'k' must lie in [0, 1], found 2.");
        Refuses("k: 0", map => map.Integer("k", 0, 1), "'k' must be at least 1, found 0.");
        Refuses("k: 11", map => map.Integer("k", 0, 1, 10), "'k' must lie in [1, 10], found 11.");
        Refuses("k: 0", map => map.NumberAbove("k", 1, 0), "'k' must be above 0, found 0.");
        Refuses("k: 2", map => map.NumberAbove("k", 1, 0, 1), "'k' must be above 0 and at most 1, found 2.");
    }

    [Fact]
    public void The_wrong_kind_is_named()
    {
        Refuses("k: [1]", map => map.Number("k", 0), "'k' must be a single value, found a list.");
        Refuses("k: { a: 1 }", map => map.Integer("k", 0), "'k' must be a single value, found a mapping.");
        Refuses("k: { a: 1 }", map => map.Numbers("k", []), "'k' must be a single value, found a mapping.");
        Refuses("k: [[1]]", map => map.Numbers("k", []), "'k' must be a single value, found a list.");
        Refuses("k: []", map => map.Numbers("k", []), "'k' is an empty list.");
        Refuses("k: maybe", map => map.Flag("k", false), "'k' must be true or false, found 'maybe'.");
        Refuses("k: 'true'", map => map.Flag("k", false), "'k' must be true or false, found the text \"true\".");
        Refuses("k: c", map => map.Choice("k", "a", "a", "b"), "'k' must be one of a, b, found 'c'.");
        Refuses("k: 1", map => map.Require("k").AsSequence("'k'"), "'k' must be a list, found '1'.");
        Refuses("k: 1", map => map.Require("k").AsMapping("'k'"), "'k' must be a mapping, found '1'.");
    }

    [Fact]
    public void Missing_and_unknown_keys_are_errors()
    {
        Refuses("a: 1", map => map.RequireText("k"), "'k' is missing.", column: 1);
        var error = Assert.Throws<YamlException>(() =>
        {
            YamlMapping map = Parse("a: 1\n  \n\nlamda: 2\n");
            map.Integer("a", 0);
            map.Number("lambda", 0);
            map.Finish("The method");
        });
        Assert.Equal("f.yml:4:1: The method has no option 'lamda'; it knows a, lambda.", error.Message);
        Assert.Equal((4, 1), (error.Place.Line, error.Place.Column));
    }

    private static void Refuses(string text, Action<YamlMapping> read, string sentence, int? column = null)
    {
        var error = Assert.Throws<YamlException>(() => read(Parse(text)));
        Assert.EndsWith($": {sentence}", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, error.Place.Line);
        if (column is { } expected) Assert.Equal(expected, error.Place.Column);
    }

    private static YamlMapping Parse(string text) => Assert.Single(YamlFile.Parse(text, "f.yml")).AsMapping("The file");
}
