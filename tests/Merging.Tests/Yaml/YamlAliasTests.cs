using System.Text;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Tests.Yaml;

/// <summary>Anchors, aliases and merge keys, as PyYAML reads them, and what keeps them small.</summary>
public sealed class YamlAliasTests
{
    [Fact]
    public void An_alias_has_the_value_of_its_anchor_and_a_place_of_its_own()
    {
        YamlMapping map = Read("a: &x { w: 0.5 }\nb:\n  - *x\n");
        YamlMapping copy = map.Require("b").AsSequence("'b'").Items[0].AsMapping("An item");
        Assert.Equal(0.5, copy.Number("w", 0));
        Assert.Equal("f.yml:3:5", copy.Place.ToString());
        Assert.Equal("f.yml:3:5: 'v' is missing.", Assert.Throws<YamlException>(() => copy.Require("v")).Message);
    }

    /// <summary>What one use has taken of a mapping is not taken in another.</summary>
    [Fact]
    public void Two_uses_of_a_mapping_are_two_mappings()
    {
        YamlMapping map = Read("a: &x { w: 1, v: 2 }\nb: *x\nc: *x\n");
        YamlMapping b = map.Require("b").AsMapping("'b'"), c = map.Require("c").AsMapping("'c'");
        b.Integer("w", 0);
        b.Integer("v", 0);
        b.Finish("b");
        c.Integer("w", 0);
        Assert.Equal("f.yml:3:4: c has no option 'v'; it knows w.", Assert.Throws<YamlException>(() => c.Finish("c")).Message);
    }

    [Theory]
    [InlineData("x: &a { p: 1, q: 2 }\ny: { <<: *a, q: 3 }\n", "p=1 q=3")]
    [InlineData("x: &a { p: 1, q: 2 }\ny: { q: 3, <<: *a }\n", "p=1 q=3")]
    [InlineData("x: [&a { p: 1 }, &b { p: 2, q: 4 }]\ny: { <<: [*a, *b] }\n", "p=1 q=4")]
    [InlineData("x: [&a { p: 1 }, &b { <<: *a, q: 4 }]\ny: { <<: *b }\n", "p=1 q=4")]
    [InlineData("x: &a { p: 1 }\ny: { << : { q: 5 } }\n", "q=5")]
    [InlineData("x: &a 7\ny: { p: *a }\n", "p=7")]
    [InlineData("x: &a 7\nz: &a 8\ny: { p: *a }\n", "p=8")]
    [InlineData("x: &a q\ny: { *a : 1 }\n", "q=1")]
    [InlineData("x: 1\ny: { \"<<\": 5 }\n", "<<=5")]
    public void Merge_keys_take_what_a_mapping_does_not_say_itself(string text, string expected)
    {
        YamlMapping map = Read(text).Require("y").AsMapping("'y'");
        Assert.Equal(expected, string.Join(' ', map.Entries.Select(e => $"{e.Key.Text}={e.Value.AsScalar("A value").Text}").Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("a: *x\n", "f.yml:1:4: the alias '*x' stands for nothing: there is no '&x' before it in this document.")]
    [InlineData("a: &x 1\n---\na: *x\n", "f.yml:3:4: the alias '*x' stands for nothing: there is no '&x' before it in this document.")]
    [InlineData("a: &x [1, *x]\n", "f.yml:1:11: the alias '*x' stands inside of '&x', so that it would hold itself.")]
    [InlineData("a: &x 1\nb: { <<: *x }\n", "f.yml:2:10: '<<', or each item of its list, must be a mapping, found '1'.")]
    [InlineData("a: &x { p: 1 }\nb: { <<: *x, <<: *x }\n", "f.yml:2:14: the key '<<' occurs twice.")]
    public void What_cannot_be_expanded_gets_one_sentence_at_the_place_of_use(string text, string message) =>
        Assert.Equal(message, Assert.Throws<YamlException>(() => YamlFile.Parse(text, "f.yml")).Message);

    /// <summary>Ten levels of ten: ten thousand million values in a few hundred bytes.</summary>
    [Theory]
    [InlineData("[", "]")]
    [InlineData("{ k0: ", " }")]
    public void A_billion_laughs_are_refused(string open, string close)
    {
        var text = new StringBuilder("l0: &l0 lol\n");
        for (int level = 1; level <= 10; level++)
        {
            string[] items = [.. Enumerable.Repeat($"*l{level - 1}", 10).Select((alias, i) => open == "[" || i == 0 ? alias : $"k{i}: {alias}")];
            text.Append($"l{level}: &l{level} {open}{string.Join(", ", items)}{close}\n");
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<YamlException>(() => YamlFile.Parse(text.ToString(), "f.yml")).Message;
        Assert.EndsWith("the aliases of this file stand for more than 100000 values, which is the most that they may.", message, StringComparison.Ordinal);
        // A value takes about a hundred bytes, a mapping with its sets a few hundred.
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 100_000_000);
    }

    /// <summary>Each of many documents expands a little; together it is too much.</summary>
    [Fact]
    public void The_bound_holds_for_all_documents_of_a_file()
    {
        string document = $"---\nx: &a [{string.Join(", ", Enumerable.Repeat("1", 1000))}]\ny: [*a, *a, *a]\n";
        Assert.Equal(30, YamlFile.Parse(string.Concat(Enumerable.Repeat(document, 30)), "f.yml").Count);
        Assert.Throws<YamlException>(() => YamlFile.Parse(string.Concat(Enumerable.Repeat(document, 40)), "f.yml"));
    }

    /// <summary>Each anchor adds a level to the one before it.</summary>
    [Fact]
    public void A_depth_bomb_of_aliases_is_refused()
    {
        string text = "l0: &l0 x\n" + string.Concat(Enumerable.Range(1, 70).Select(i => $"l{i}: &l{i} [*l{i - 1}]\n"));
        Assert.EndsWith("nested more than 64 levels deep.", Assert.Throws<YamlException>(() => YamlFile.Parse(text, "f.yml")).Message, StringComparison.Ordinal);
    }

    private static YamlMapping Read(string text) => Assert.Single(YamlFile.Parse(text, "f.yml")).AsMapping("The file");
}
