using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Documentation;

/// <summary>docs/methods.md says what the methods' own files say.</summary>
public sealed class MethodsPageTests
{
    /// <summary>Set by <c>./build.sh docs</c>: the page is written in the place of being compared.</summary>
    private const string WriteVariable = "MERGE_ENGINE_WRITE_DOCS";

    [Fact]
    public void The_page_of_methods_is_up_to_date()
    {
        string path = Path.GetFullPath(Path.Combine(FixtureFiles.PathOf(""), "..", "..", "docs", "methods.md")), text = File.ReadAllText(path);
        int marker = text.IndexOf(MethodsPage.Marker, StringComparison.Ordinal);
        Assert.True(marker > 0, "docs/methods.md has lost the line that says what is written by ./build.sh docs.");
        string written = text[..marker] + MethodsPage.Marker + "\n\n" + MethodsPage.Create();
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1") File.WriteAllText(path, written);
        else Assert.True(written == text, "docs/methods.md does not say what the methods' files say; ./build.sh docs writes it anew.");
    }

    [Fact]
    public void Every_method_that_a_recipe_can_name_has_a_section_with_its_equation_and_parameters()
    {
        string page = MethodsPage.Create();
        foreach (MethodDescription method in MethodTable.All)
        {
            TensorMethod? found = Merging.TensorMethods.TensorMethods.Find(method.Name, method.Dialect);
            Assert.True(found is not null, $"'{method.Name}' stands in the catalogue in the dialect {method.Dialect} and cannot merge.");
            int section = page.IndexOf($"\n### {method.Name}\n", StringComparison.Ordinal), end = page.IndexOf("\n### ", section + 5, StringComparison.Ordinal);
            string text = end < 0 ? page[section..] : page[section..end];
            Assert.Contains(method.Source, text, StringComparison.Ordinal);
            foreach (MethodParameter parameter in method.Shared.Concat(method.PerModel)) Assert.Contains($"| `{parameter.Name}` |", text, StringComparison.Ordinal);
        }
    }
}
