using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Tests.Support;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>Keys, values, parameters and documents that do not fit, one mistake a case, with the sentence each gets.</summary>
public sealed class RecipeMistakeTests
{
    private const string Ties = "merge_method: ties\nbase_model: models/base\nmodels: [{ model: models/a }, { model: models/b }]\n";

    [Theory]
    [InlineData("dtyp: float16\n", "r.yml:4:1: A recipe has no option 'dtyp'; it knows base_model, ")]
    [InlineData("dialect: papre\n", "r.yml:4:10: 'dialect' must be one of mergekit, paper, found 'papre'.")]
    [InlineData("modules: { x: { models: [] } }\n", "r.yml:2:9: a recipe has one of 'models', 'slices' and 'modules', found two.")]
    [InlineData("merge_method: ties\n", "r.yml:4:1: the key 'merge_method' occurs twice.")]
    [InlineData("chat_template: []\n", "r.yml:4:16: 'chat_template' must be a single value, found a list.")]
    [InlineData("name: ../up\n", "r.yml:4:7: 'name' must be usable as the name of a directory, found '../up'.")]
    [InlineData("name: ..\n", "r.yml:4:7: 'name' must be usable as the name of a directory, found '..'.")]
    public void A_key_at_the_top_that_does_not_fit_gets_its_sentence(string line, string message) =>
        Assert.StartsWith(message, RecipeText.ErrorOf(RecipeText.Linear + line), StringComparison.Ordinal);

    [Theory]
    [InlineData("models: [{ model: models/a, weight: 1 }]", "An entry of 'models' has no option 'weight'; it knows model, parameters.")]
    [InlineData("models: [models/a]", "An entry of 'models' must be a mapping, found 'models/a'.")]
    [InlineData("models: { model: models/a }", "'models' must be a list, found a mapping.")]
    [InlineData("slices: [{ source: [] }]", "A slice has no option 'source'; it knows base_model, parameters, residual_weight, sources.")]
    [InlineData("slices: [{ parameters: {} }]", "'sources' is missing.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: [0, 1], weight: 1 }] }]", "A source has no option 'weight'; it knows layer_range, model, parameters.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: [0, x] }] }]", "'layer_range' must be a whole number, found 'x'.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: [0, 1.5] }] }]", "'layer_range' must be a whole number, found '1.5'.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: [0, null] }] }]", "'layer_range' is a list of two numbers, found one without a value.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: 4 }] }]", "'layer_range' must be a list, found '4'.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: [0, 2000000000] }] }]", "'layer_range' must lie in [0, 100000], found 2000000000.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: [0, 1] }], residual_weight: much }]", "'residual_weight' must be a number, found 'much'.")]
    [InlineData("modules: {}", "'modules' is empty.")]
    [InlineData("modules: { text: { parameters: {} } }", "nothing to merge: one of 'models' and 'slices' is needed.")]
    [InlineData("modules: { text: { model: [] } }", "The module 'text' has no option 'model'; it knows models, parameters, slices.")]
    [InlineData("models: [{ model: models/a, parameters: [1] }]", "'parameters' must be a mapping, found a list.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: [{ filter: x, value: 1, then: 2 }] } }]", "An entry of 'weight' has no option 'then'; it knows filter, value.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: [{ filter: x, value: [] }] } }]", "'weight' is an empty list.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: [[1, 2], 3] } }]", "A value of 'weight' must be a single value, found a list.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: [{ filter: x, value: { filter: y, value: 1 } }] } }]", "A value of 'weight' must be a single value, found a mapping.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: NaN } }]", "'weight' must be finite, found 'NaN'.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: .inf } }]", "'weight' must be finite, found '.inf'.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: 1e999 } }]", "'weight' must be finite, found '1e999'.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: 0x } }]", "'weight' must be a number, found '0x'.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: _1 } }]", "'weight' must be a number, found '_1'.")]
    [InlineData("slices: [{ sources: [{ model: models/a, layer_range: [0, 010] }] }]", "'layer_range' must be a whole number, found '010'.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: true } }]", "'weight' must be a number, found 'true'.")]
    [InlineData("models: [{ model: models/a, parameters: { weight: [] } }]", "'linear' needs 'weight' for 'models/a', and nothing gives it.")]
    [InlineData("models: [{ model: models/a, parameters: { normalize: true } }]", "'normalize' of 'linear' holds for all models: it belongs in the 'parameters' of the recipe, a slice or a module.")]
    [InlineData("models: [{ model: models/a, parameters: { wieght: 1 } }]", "'linear' in the dialect mergekit has no parameter 'wieght'; it knows normalize, and weight (of each model).")]
    [InlineData("models: &a [*a]", "the alias '*a' stands inside of '&a', so that it would hold itself.")]
    public void A_place_that_does_not_fit_gets_its_sentence(string line, string message) =>
        Assert.EndsWith($": {message}", RecipeText.ErrorOf($"merge_method: linear\n{line}\n"), StringComparison.Ordinal);

    [Theory]
    [InlineData("normalize: maybe", "'normalize' must be true or false, found 'maybe'.")]
    [InlineData("normalize: 2", "'normalize' must be true or false, found '2'.")]
    [InlineData("epsilon: 1", "'ties' in the dialect mergekit has no parameter 'epsilon'; it knows normalize, rescale, lambda, int8_mask, and weight, density (of each model).")]
    public void Parameters_of_the_method_are_checked(string parameter, string message) =>
        Assert.EndsWith($": {message}", RecipeText.ErrorOf($"{Ties}parameters: {{ weight: 1, {parameter} }}\n"), StringComparison.Ordinal);

    [Fact]
    public void The_dialect_chooses_the_parameters()
    {
        string paper = Ties + "dialect: paper\n";
        Recipe recipe = RecipeText.Read(paper);
        Assert.Equal(Dialect.Paper, recipe.Method.Dialect);
        Assert.EndsWith(": 'density' of 'ties' holds for the whole model: one value, without layers, filters, slices or modules.", RecipeText.ErrorOf(paper + "parameters: { density: [0.1, 0.2] }\n"), StringComparison.Ordinal);
        Assert.EndsWith(": 'karcher' exists in the dialect mergekit only.", RecipeText.ErrorOf("merge_method: karcher\ndialect: paper\nmodels: [{ model: a }]\n"), StringComparison.Ordinal);
        Assert.EndsWith(": 'tatr' exists in the dialect paper only.", RecipeText.ErrorOf("merge_method: tatr\ndialect: mergekit\nmodels: [{ model: a }]\n"), StringComparison.Ordinal);
    }

    /// <summary>Statistics over a whole model are kept by the models' places: other models there would be mixed without a word.</summary>
    [Theory]
    [InlineData("{model: models/a, layer_range: [1, 2]}, {model: models/b, layer_range: [1, 2]}", null)]
    [InlineData("{model: models/b, layer_range: [1, 2]}, {model: models/a, layer_range: [1, 2]}", "'ties' looks at whole models, so every slice and module merges the same ones in the same order, found 'models/b', 'models/a' after 'models/a', 'models/b'.")]
    [InlineData("{model: models/a, layer_range: [1, 2]}, {model: models/b, layer_range: [1, 2], parameters: {density: 0.5}}", "'density' of 'ties' holds for the whole model, and 'models/b' had another value before.")]
    public void Whole_models_are_the_same_in_all_slices(string sources, string? error)
    {
        string recipe = $$"""
            merge_method: ties
            dialect: paper
            base_model: models/base
            slices:
            - sources: [{model: models/base, layer_range: [0, 1]}, {model: models/a, layer_range: [0, 1]}, {model: models/b, layer_range: [0, 1]}]
            - sources: [{model: models/base, layer_range: [1, 2]}, {{sources}}]
            """;
        if (error is null) Assert.Equal(2, RecipeText.Read(recipe).Modules[0].Slices.Count);
        else Assert.EndsWith(error, RecipeText.ErrorOf(recipe), StringComparison.Ordinal);
        // One tensor after the other needs no such order.
        Assert.Equal(2, RecipeText.Read(recipe.Replace("dialect: paper", "parameters: {weight: 1}", StringComparison.Ordinal)).Modules[0].Slices.Count);
    }

    [Fact]
    public void Gradient_files_are_given_for_all_models_or_for_none()
    {
        const string Start = "merge_method: tatr\nbase_model: models/base\nparameters: { weight: 0.3, rho: 0.9 }\nmodels:\n";
        const string A = "  - { model: models/a, parameters: { gradients: a.safetensors } }\n", B = "  - { model: models/b, parameters: { gradients: b.safetensors } }\n";
        RecipeSlice slice = RecipeText.ReadSlice(Start + A + B);
        Assert.Equal(["a.safetensors", "b.safetensors"], new[] { 0, 1 }.Select(i => slice.At(new TensorPlace("x", null, 0)).File("gradients", i)));
        Assert.Null(RecipeText.ReadSlice(Start + "  - model: models/a\n").At(new TensorPlace("x", null, 0)).File("gradients", 0));
        Assert.Equal("r.yml:6:5: 'gradients' is given for all models or for none, and 'models/b' lacks it.", RecipeText.ErrorOf(Start + A + "  - model: models/b\n"));
        Assert.EndsWith(": 'gradients' of 'tatr' belongs in the 'parameters' of each model.", RecipeText.ErrorOf(Start.Replace("rho: 0.9", "gradients: x", StringComparison.Ordinal) + A), StringComparison.Ordinal);
        Assert.EndsWith(": 'fisher' needs 'fisher' for 'models/a', and nothing gives it.", RecipeText.ErrorOf("merge_method: fisher\nmodels: [{ model: models/a }]\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name: x\nmerge_method: passthrough\nmodels: [{ model: x }]\n", "r.yml:1:1: the document 'x' uses its own result.")]
    [InlineData(RecipeText.Linear + "---\n", "r.yml:5:2: the document is empty, expected a recipe.")]
    [InlineData("# nothing\n", "r.yml:1:1: the file is empty, expected a recipe.")]
    public void Documents_that_cannot_run_get_their_sentence(string text, string message) => Assert.Equal(message, RecipeText.ErrorOf(text));
}
