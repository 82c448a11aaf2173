using MergeEngine.Merging.Recipes.Catalog;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>The table that recipes are checked against holds together.</summary>
public sealed class MethodTableTests
{
    [Fact]
    public void Every_method_of_mergekit_is_there_in_its_dialect_and_the_others_as_published()
    {
        string[] mergekit =
        [
            "linear", "slerp", "nuslerp", "multislerp", "karcher", "passthrough", "task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs",
            "breadcrumbs_ties", "della", "della_linear", "model_stock", "sce", "arcee_fusion", "nearswap", "ram", "ramplus_tl",
        ];
        string[] others = ["tatr", "magmax", "lines", "consensus", "pcb", "emr", "fisher", "tsv", "iso_c", "iso_cts"];
        Assert.Equal([.. mergekit, .. others], MethodTable.Names);
        Assert.All(mergekit, name => Assert.Equal(Dialect.Mergekit, MethodTable.Find(name)!.Dialect));
        Assert.All(others, name => Assert.Equal(Dialect.Paper, MethodTable.Find(name)!.Dialect));
        Assert.Null(MethodTable.Find("average"));
    }

    /// <summary>mergekit's own defaults, as its documentation and its outputs have them.</summary>
    [Theory]
    [InlineData("ties", "normalize", "true")]
    [InlineData("task_arithmetic", "normalize", "false")]
    [InlineData("dare_linear", "rescale", "true")]
    [InlineData("dare_ties", "normalize", "false")]
    [InlineData("della", "normalize", "true")]
    [InlineData("della_linear", "epsilon", "0.15")]
    [InlineData("breadcrumbs", "gamma", "0.01")]
    [InlineData("ties", "density", "1")]
    [InlineData("linear", "normalize", "true")]
    [InlineData("nuslerp", "nuslerp_flatten", "true")]
    [InlineData("karcher", "max_iter", "10")]
    [InlineData("karcher", "tol", "1E-05")]
    [InlineData("multislerp", "eps", "1E-08")]
    [InlineData("sce", "select_topk", "1")]
    [InlineData("ramplus_tl", "alpha", "0.2")]
    [InlineData("slerp", "t", "required")]
    public void Defaults_are_those_of_mergekit(string method, string parameter, string value) => Assert.Equal(value, MethodTable.Find(method)!.Find(parameter)!.DefaultText);

    [Fact]
    public void Every_description_is_consistent()
    {
        Assert.Equal(MethodTable.All.Count, MethodTable.All.DistinctBy(m => (m.Name, m.Dialect)).Count());
        foreach (MethodDescription method in MethodTable.All)
        {
            MethodParameter[] parameters = [.. method.Shared, .. method.PerModel];
            Assert.Equal(parameters.Length, parameters.DistinctBy(p => p.Name).Count());
            Assert.True(method.LeastModels <= method.MostModels);
            Assert.NotEmpty(method.Source);
            foreach (MethodParameter parameter in parameters)
            {
                Assert.NotEmpty(parameter.Summary);
                Assert.False(parameter.Summary.EndsWith('.'));
                Assert.False(parameter.Required && parameter.Default is not null, $"{method.Name}.{parameter.Name} is required and has a default.");
                if (parameter.Type is ParameterType.Number or ParameterType.Integer && parameter.Default is { } value) Assert.InRange(value.Number, parameter.Least, parameter.Most);
            }
        }
    }

    [Fact]
    public void Ranges_and_defaults_are_put_into_words()
    {
        Assert.Equal("a number in [0, 1]", MethodTable.Find("ties")!.Find("density")!.Range);
        Assert.Equal("a whole number of at least 0", MethodTable.Find("karcher")!.Find("max_iter")!.Range);
        Assert.Equal("true or false", MethodTable.Find("ties")!.Find("normalize")!.Range);
        Assert.Equal("none", MethodTable.Find("tatr")!.Find("gradients")!.DefaultText);
        Assert.Equal(["exactly 1 model", "at least 2 models", "any number of models"], new[] { "slerp", "model_stock", "ties" }.Select(m => MethodTable.Find(m)!.Models));
    }
}
