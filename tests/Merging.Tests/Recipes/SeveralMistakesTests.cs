using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>All mistakes of a recipe's text in one list, and nothing that only follows from one of them.</summary>
public sealed class SeveralMistakesTests
{
    [Fact]
    public void Every_mistake_is_told_with_its_place()
    {
        YamlException e = Read("""
            merge_method: ties
            base_model: base
            colour: red
            dtype: float13
            parameters: {density: many, normalize: perhaps}
            models:
              - {model: a, parameters: {wieght: 1}}
              - {modell: b}
            ---
            name: other
            merge_method: no_such_method
            out_dtype: 7
            """);
        (string Place, string Mention)[] expected =
        [
            ("3:1", "no option 'colour'"), ("4:8", "found 'float13'"), ("5:23", "found 'many'"), ("5:40", "found 'perhaps'"), ("7:29", "no parameter 'wieght'"), ("8:6", "no option 'modell'"),
            ("11:15", "no method 'no_such_method'"), ("12:12", "found '7'"),
        ];
        Assert.Equal(expected.Select(x => x.Place), e.Problems.Select(p => string.Join(':', p.Split(':')[1..3])));
        Assert.All(expected.Zip(e.Problems), pair => Assert.Contains(pair.First.Mention, pair.Second, StringComparison.Ordinal));
        Assert.Equal((3, 1), (e.Place.Line, e.Place.Column));
        Assert.Equal(0, e.Untold);
    }

    [Fact]
    public void Names_and_tokenizers_are_told_with_what_is_wrong_elsewhere()
    {
        YamlException e = Read("""
            name: ../up
            merge_method: linear
            dtype: float13
            parameters: {weight: 1}
            models: [{model: a}]
            tokenizer:
              source: [a]
              sorce: b
              tokens: {x: a, y: {force: perhaps}, z: {source: elsewhere}}
              pad_to_multiple_of: 0
            ---
            name: {of: x}
            merge_method: linear
            models: [{model: a}]
            ---
            name: twice
            merge_method: linear
            parameters: {weight: 1}
            models: [{model: a}]
            ---
            name: twice
            merge_method: linear
            parameters: {weight: 1}
            models: [{model: a}]
            """);
        (string Place, string Mention)[] expected =
        [
            ("1:7", "directory, found '../up'"), ("3:8", "found 'float13'"), ("7:11", "'source' must be a single value"), ("8:3", "no option 'sorce'"), ("9:15", "The token 'x' must be a mapping"),
            ("9:29", "found 'perhaps'"), ("10:23", "found 0"), ("12:7", "'name' must be a single value"), ("14:10", "'weight'"), ("21:7", "two documents have the name 'twice'"),
        ];
        Assert.Equal(expected.Select(x => x.Place), e.Problems.Select(p => string.Join(':', p.Split(':')[1..3])));
        Assert.All(expected.Zip(e.Problems), pair => Assert.Contains(pair.First.Mention, pair.Second, StringComparison.Ordinal));
    }

    [Fact]
    public void A_parameter_that_some_models_lack_is_told_for_each_of_them_and_one_that_all_lack_once()
    {
        Assert.Equal(2, Read("merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n  - {model: b}\n  - {model: c}\n").Problems.Count);
        Assert.Single(Read("merge_method: linear\nmodels:\n  - {model: a}\n  - {model: b}\n").Problems);
        Assert.Single(Read($"merge_method: linear\nslices:\n{Slice("a", "b")}{Slice("a", "c")}").Problems);
    }

    /// <summary>What is mended with one word is one mistake.</summary>
    [Theory]
    [InlineData("merge_method: linear\nmodels:\n  - {model: a, parameters: {wieght: 1}}\n  - {model: b, parameters: {weight: 1}}\n", "has no parameter 'wieght'")]
    [InlineData("merge_method: linear\nparamters: {weight: 1}\nmodels: [{model: a}, {model: b}]\n", "has no option 'paramters'")]
    [InlineData("merge_metod: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}]\n", "has no option 'merge_metod'")]
    [InlineData("merge_method: linear\nparameters: {weight: 1}\nmodles: [{model: a}, {model: b}]\n", "has no option 'modles'")]
    [InlineData("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {modell: b}]\n", "has no option 'modell'")]
    [InlineData("merge_method: linear\nmodels: [{model: a, parameters: &p {wieght: 1}}, {model: b, parameters: *p}]\n", "has no parameter 'wieght'")]
    [InlineData("merge_method: ties\nbase_model: [base]\nmodels: [{model: a}, {model: b}]\n", "'base_model' must be a single value")]
    public void What_only_follows_from_a_mistake_is_not_told(string text, string mention)
    {
        YamlException e = Read(text);
        Assert.Contains(mention, Assert.Single(e.Problems), StringComparison.Ordinal);
        Assert.Equal(e.Problems[0], e.Message);
    }

    [Theory]
    [InlineData("ties", "needs a 'base_model'")]
    [InlineData("slerp", "needs a 'base_model'")]
    [InlineData("nuslerp", "takes exactly 2 models")]
    public void What_is_wrong_above_the_slices_is_told_of_the_first(string method, string mention)
    {
        string message = Assert.Single(Read($"merge_method: {method}\nparameters: {{weight: 1}}\nslices:\n{Slice("a", "b", "c")}{Slice("a", "b", "c")}".Replace(method == "slerp" ? "weight" : "none", "t", StringComparison.Ordinal)).Problems);
        Assert.Contains(mention, message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_twenty_by_place_are_told_and_the_others_counted()
    {
        string models = string.Concat(Enumerable.Range(0, 30).Select(i => $"  - {{model: m{i}, parameters: {{weight: none}}}}\n"));
        YamlException e = Read($"models:\n{models}merge_method: linear\ndtype: half\n");
        Assert.Equal(Enumerable.Range(2, 20), e.Problems.Select(p => int.Parse(p.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(11, e.Untold);
        Assert.StartsWith("31 problems:", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("  and 11 more.", e.Message, StringComparison.Ordinal);
    }

    private static string Slice(params string[] models) => $"  - sources: [{string.Join(", ", models.Select(m => $"{{model: {m}, layer_range: [0, 1]}}"))}]\n";

    private static YamlException Read(string text) => Assert.Throws<YamlException>(() => RecipeFile.Parse(text, "r.yml", _ => true));
}
