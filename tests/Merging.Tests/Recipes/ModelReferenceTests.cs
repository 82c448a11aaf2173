using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Tests.Support;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>How the text of a reference is cut, and what wins where it can be cut in two ways.</summary>
public sealed class ModelReferenceTests
{
    private static ModelReference? Parse(string text, out string? problem, params string[] existing)
    {
        ModelReference.TryParse(text, existing.Contains, out ModelReference? reference, out problem);
        return reference;
    }

    [Theory]
    [InlineData("a", "a", null, null, null)]
    [InlineData("org/a@main", "org/a", "main", null, null)]
    [InlineData("a+b", "a", null, "b", null)]
    [InlineData("a@1+b@2", "a", "1", "b", "2")]
    public void Without_any_path_the_signs_cut(string text, string path, string? revision, string? adapter, string? adapterRevision) =>
        Assert.Equal(new ModelReference(path, revision, adapter is null ? null : new AdapterReference(adapter, adapterRevision)), Parse(text, out _));

    [Theory]
    [InlineData("m+v2", "m+v2", "m+v2")]
    [InlineData("m@home", "m@home", "m@home")]
    [InlineData("m+v2+lora", "m+v2|lora", "m+v2+lora")]
    [InlineData("m+lo+ra", "m|lo+ra", "m+lo+ra")]
    [InlineData("m@home@rev", "m@home", "m@home@rev")]
    [InlineData("m@r+v2+lora", "m|v2+lora", "m@r+v2+lora")]
    public void A_path_that_exists_keeps_its_signs(string text, string existing, string shown)
    {
        ModelReference reference = Parse(text, out string? problem, existing.Split('|'))!;
        Assert.Null(problem);
        Assert.Equal(shown, reference.ToString());
        Assert.Equal(existing.Split('|')[0], reference.Path);
        if (existing.Contains('|', StringComparison.Ordinal)) Assert.Equal(existing.Split('|')[1], reference.Adapter?.Path);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("a+b+c", "more than one '+'")]
    [InlineData("a@b@c", "more than one '@'")]
    [InlineData("+b", "lacks the path on one side of '+'")]
    [InlineData("a+", "lacks the path on one side of '+'")]
    [InlineData("@r", "an '@' without a path before it")]
    [InlineData("a@", "an '@' without a path before it")]
    [InlineData("a+@", "an '@' without a path before it")]
    public void What_cannot_be_cut_is_refused(string text, string mention)
    {
        Assert.Null(Parse(text, out string? problem));
        Assert.Contains(mention, problem, StringComparison.Ordinal);
    }

    /// <summary>Each sign may cost a look at the disk.</summary>
    [Fact]
    public void A_text_of_many_signs_is_refused_without_looking_at_the_disk_for_each()
    {
        int looks = 0;
        bool Exists(string path)
        {
            looks++;
            return false;
        }

        Assert.False(ModelReference.TryParse(new string('+', 4000), Exists, out _, out string? problem));
        Assert.Contains("more than 16 signs", problem, StringComparison.Ordinal);
        Assert.True(looks <= 1);
        Assert.False(ModelReference.TryParse(new string('a', 5000), Exists, out _, out problem));
        Assert.Contains("5000 characters", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ model: { path: 'a@b+c' } }", "a@b+c", null, null)]
    [InlineData("{ model: { path: a, revision: r }, lora: { path: l, revision: s } }", "a", "r", "l@s")]
    [InlineData("{ model: a@r, lora: l@s }", "a", "r", "l@s")]
    public void The_mapping_form_takes_its_parts_as_they_are(string text, string path, string? revision, string? adapter)
    {
        ModelReference model = RecipeText.ReadSlice($"merge_method: passthrough\nmodels: [{{ model: {text} }}]\n").Sources[0].Model;
        Assert.Equal((path, revision, adapter), (model.Path, model.Revision, model.Adapter?.ToString()));
    }

    [Theory]
    [InlineData("{ lora: x }", "'model' is missing.")]
    [InlineData("{ model: a+b, lora: c }", "'lora' is given beside a 'model' that has an adapter already.")]
    [InlineData("{ model: a, lora: b+c }", "'lora' is one adapter, found two.")]
    [InlineData("{ model: a, paht: b }", "A mapping at 'model' has no option 'paht'; it knows lora, model, override_architecture.")]
    [InlineData("{ model: { path: '' } }", "'path' is empty, expected the path of a model.")]
    [InlineData("[a]", "'model' must be a single value, found a list.")]
    [InlineData("''", "'model' is empty, expected the path of a model.")]
    public void A_mapping_that_does_not_fit_gets_its_sentence(string text, string message) =>
        Assert.EndsWith($": {message}", RecipeText.ErrorOf($"merge_method: passthrough\nmodels: [{{ model: {text} }}]\n"), StringComparison.Ordinal);

    /// <summary>As in mergekit: ./a and a are two models.</summary>
    [Fact]
    public void Another_spelling_is_another_model()
    {
        RecipeSlice slice = RecipeText.ReadSlice("merge_method: task_arithmetic\nbase_model: models/a\nmodels: [{ model: ./models/a }, { model: models/a }]\nparameters: { weight: 1 }\n");
        Assert.Equal(1, slice.BaseIndex);
        Assert.Equal(2, slice.Sources.Count);
    }
}
