using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>Documents, bases, slices: what a recipe is once it is read.</summary>
public sealed class RecipeFileTests
{
    [Fact]
    public void A_recipe_is_typed()
    {
        Recipe recipe = RecipeText.Read("""
            merge_method: ties
            base_model: models/base
            models:
              - model: models/a+models/lora
                parameters: { density: 0.5 }
              - model: models/b
            parameters: { weight: 0.5, normalize: false }
            dtype: float32
            out_dtype: bfloat16
            chat_template: chatml
            """);
        RecipeSlice slice = Assert.Single(Assert.Single(recipe.Modules).Slices);
        Assert.Equal((DType.F32, DType.BF16), (recipe.DType, recipe.OutDType));
        Assert.Equal((Dialect.Mergekit, "ties"), (recipe.Method.Dialect, recipe.Method.Name));
        Assert.Equal(["models/a+models/lora", "models/b", "models/base"], recipe.Models.Select(m => m.ToString()));
        Assert.Equal([false, false, true], slice.Sources.Select(s => s.IsBase));
        Assert.Equal([true, true, false], slice.Sources.Select(s => s.IsInput));
        Assert.Equal("models/base", recipe.Donor.Path);
        Assert.Equal((ChatTemplateKind.Named, "chatml"), (recipe.ChatTemplate!.Kind, recipe.ChatTemplate.Text));
        Assert.Null(recipe.Tokenizer);
        Assert.False(recipe.Modules[0].IsSliced);
        Assert.Empty(recipe.Notes);
    }

    [Fact]
    public void A_base_of_an_average_that_no_slice_lists_takes_no_part()
    {
        Recipe recipe = RecipeText.Read("merge_method: passthrough\nbase_model: models/base\nslices: [{ sources: [{ model: models/a, layer_range: [0, 2] }] }]\n");
        Assert.Equal("models/base", recipe.Donor.Path);
        Assert.Equal(["models/a"], recipe.Models.Select(m => m.Path));
        Assert.Equal("r.yml:3:10: the base 'models/base' is not among the sources of this slice and takes no part in it.", Assert.Single(recipe.Notes).ToString());
    }

    [Fact]
    public void A_slice_may_have_a_base_of_its_own_or_nothing_but_it()
    {
        Recipe recipe = RecipeText.Read("""
            merge_method: task_arithmetic
            base_model: models/base
            parameters: { weight: 1 }
            slices:
              - sources: [{ model: models/a, layer_range: [0, 2] }, { model: models/b, layer_range: [4, 6] }]
                base_model: models/b
              - sources: [{ model: models/base, layer_range: [2, 3] }]
            """);
        Assert.Equal([1, 0], recipe.Modules[0].Slices.Select(s => s.BaseIndex));
        Assert.Equal([2, 1], recipe.Modules[0].Slices.Select(s => s.Layers));
        Assert.True(recipe.Modules[0].IsSliced);
        Assert.Equal("only the base is listed here: its tensors are copied.", Assert.Single(recipe.Notes).Text);
    }

    /// <summary>The first mention is the base; a second one is a model whose difference is zero.</summary>
    [Fact]
    public void A_base_that_is_listed_twice_counts_twice()
    {
        RecipeSlice slice = RecipeText.ReadSlice("merge_method: task_arithmetic\nbase_model: models/a\nmodels: [{ model: models/a }, { model: models/a }]\nparameters: { weight: 1 }\n");
        Assert.Equal([true, false], slice.Sources.Select(s => s.IsBase));
    }

    [Fact]
    public void Entries_behind_one_for_all_names_are_noted() =>
        Assert.Equal("r.yml:2:65: this entry of 'scale' is never reached: the one for all names stands before it.",
            Assert.Single(RecipeText.Read("merge_method: passthrough\nmodels: [{ model: models/a, parameters: { scale: [{ value: 1 }, { filter: x, value: 2 }] } }]\n").Notes).ToString());

    [Fact]
    public void Documents_run_after_those_that_they_use()
    {
        RecipeFile file = RecipeText.ReadFile("merge_method: passthrough\nmodels: [{ model: last }]\n---\nname: last\nmerge_method: passthrough\nmodels: [{ model: first+models/lora }]\n---\nname: first\n" + RecipeText.Linear);
        Assert.Equal(["first", "last", null], file.Recipes.Select(r => r.Name));
        ModelReference model = Assert.Single(file.Recipes[1].Models);
        Assert.True(model.IsDocument);
        Assert.Equal(("first", "models/lora"), (model.Path, model.Adapter!.Path));
        Assert.Same(file.Recipes[2], file.Result);
    }

    [Fact]
    public void Files_are_read_with_their_name_in_errors()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory.File("r.yml"), RecipeText.Linear);
        Assert.Equal("linear", Assert.Single(RecipeFile.Read(directory.File("r.yml")).Recipes).Method.Name);
        Assert.Throws<FileNotFoundException>(() => RecipeFile.Read(directory.File("none.yml")));
    }
}
