using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Recipes.Catalog;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class MethodsTests
{
    [Fact]
    public void All_methods_are_listed_in_all_their_dialects()
    {
        JsonElement methods = MergeEngineProcess.Run("methods", "--json").Succeeded().Json().GetProperty("methods");
        Assert.Equal(MethodTable.All.Select(m => (m.Name, m.Dialect.ToString().ToLowerInvariant())), methods.EnumerateArray().Select(m => (m.GetProperty("method").GetString()!, m.GetProperty("dialect").GetString()!)));
        Assert.Contains("ramplus_tl", MergeEngineProcess.Run("methods").Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void One_method_is_shown_with_its_equation_and_dialects()
    {
        string ties = MergeEngineProcess.Run("methods", "ties").Succeeded().Output;
        Assert.StartsWith("### ties\n", ties, StringComparison.Ordinal);
        Assert.Contains("**Dialect paper**", ties, StringComparison.Ordinal);
        Assert.Contains("arXiv 2306.01708", ties, StringComparison.Ordinal);
        Assert.DoesNotContain("### dare", ties, StringComparison.Ordinal);
        Assert.Equal(2, MergeEngineProcess.Run("methods", "ties", "--json").Succeeded().Json().GetProperty("methods").GetArrayLength());
    }

    [Fact]
    public void A_method_that_is_not_there_is_refused_with_those_that_are() => MergeEngineProcess.Run("methods", "tiez").Refused(2, "no method 'tiez'", "tatr");
}
