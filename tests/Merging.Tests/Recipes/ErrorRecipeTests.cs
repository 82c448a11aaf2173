using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>The recipes that mergekit refuses, or should: each gets its sentence, without a model being opened.</summary>
public sealed class ErrorRecipeTests
{
    /// <summary>Wrong by themselves.</summary>
    public static TheoryData<string, string> Refused { get; } = new()
    {
        { "arcee-fusion-two", "4:3: 'arcee_fusion' takes exactly 1 model, found 2 besides the base." },
        { "bad-dtype", "9:8: 'dtype' must be one of bfloat16, float16, float32, float64, found 'half'." },
        { "bad-out-dtype", "9:12: 'out_dtype' must be one of bfloat16, float16, float32, float64, found 'float8_e4m3fn'." },
        { "chat-template-unknown", "6:16: 'chat_template' must be auto, alpaca, chatml, exaone, llama3, mistral or a Jinja text, found 'chatlm'." },
        { "density-above-one", "7:16: 'density' must be a number in [0, 1], found 1.5." },
        { "density-negative", "7:16: 'density' must be a number in [0, 1], found -0.5." },
        { "empty-file", "1:1: the file is empty, expected a recipe." },
        { "filter-without-value", "6:11: 'value' is missing." },
        { "int-dtype", "9:8: 'dtype' must be one of bfloat16, float16, float32, float64, found 'int64'." },
        { "layer-range-empty", "5:22: 'layer_range' [2, 2] holds no layer: it runs from the first number to the one before the second." },
        { "layer-range-missing", "4:9: 'layer_range' is missing." },
        { "layer-range-negative", "5:23: 'layer_range' must lie in [0, 100000], found -1." },
        { "layer-range-reversed", "5:22: 'layer_range' [3, 1] holds no layer: it runs from the first number to the one before the second." },
        { "layer-range-three", "5:22: 'layer_range' is a list of two numbers, the first layer and the one behind the last, found 3." },
        { "layer-range-unequal", "8:9: the sources of a slice have equally many layers, found 2 and 3." },
        { "max-iter-fraction", "6:13: 'max_iter' must be a whole number of at least 0, found 2.5." },
        { "missing-base-slerp", "3:3: 'slerp' needs a 'base_model'." },
        { "missing-base-ties", "3:3: 'ties' needs a 'base_model'." },
        { "missing-t", "4:3: 'slerp' needs 't' for all models, and nothing gives it." },
        { "missing-weight", "3:5: 'linear' needs 'weight' for 'models/llama-a', and nothing gives it." },
        { "missing-weight-one", "7:5: 'task_arithmetic' needs 'weight' for 'models/llama-b', and nothing gives it." },
        { "missing-weight-unlisted-base", "2:13: 'linear' needs 'weight' for the base 'models/llama-base', and nothing gives it." },
        { "model-stock-one", "4:3: 'model_stock' takes at least 2 models, found 1 besides the base." },
        { "model-two-at", "3:12: 'models/llama-base@a@b' has more than one '@', and no path that exists stands before the last of them." },
        { "model-two-plus", "3:12: 'models/llama-base+models/lora-plain+models/lora-alpha' has more than one '+', and no two paths that exist stand around one of them." },
        { "models-and-slices", "10:3: a recipe has one of 'models', 'slices' and 'modules', found two." },
        { "models-empty", "2:9: 'models' is empty." },
        { "module-both", "12:7: a module has one of 'models' and 'slices', found two." },
        { "multi-circular", "1:1: the documents 'x', 'y' use each other's results in a circle." },
        { "multi-duplicate-name", "11:7: two documents have the name 'x'." },
        { "multi-two-unnamed", "10:1: this is the second document without a 'name', after that of line 1; only the last result may have none." },
        { "no-method", "1:1: 'merge_method' is missing." },
        { "not-a-mapping", "1:1: A recipe must be a mapping, found a list." },
        { "not-yaml", "3:1: this is not YAML: While parsing a node, did not find expected node content." },
        { "nothing-to-merge", "1:1: nothing to merge: one of 'models', 'slices' and 'modules' is needed." },
        { "nuslerp-three", "3:3: 'nuslerp' takes exactly 2 models, found 3." },
        { "passthrough-two", "3:3: 'passthrough' takes exactly 1 model, found 2." },
        { "slerp-base-extra", "4:3: 'slerp' takes exactly 1 model, found 2 besides the base." },
        { "slerp-three", "4:3: 'slerp' takes exactly 1 model, found 2 besides the base." },
        { "slice-base-absent", "4:5: the base 'models/llama-base' is not among the sources of this slice, where 'task_arithmetic' needs its layers." },
        { "sources-empty", "3:14: 'sources' is empty." },
        { "token-both", "15:9: the source of the token 'zebra' has one of 'token' and 'token_id', found both." },
        { "token-foreign-model", "14:15: the token 'zebra' takes its row from 'models/tok-a', which is not one of the models merged." },
        { "token-neither", "15:9: the source of the token 'zebra' has one of 'token' and 'token_id', found none." },
        { "tokenizer-source-unknown", "6:19: 'tokenizer_source' must be union, base or a model, and there is no model 'unoin'." },
        { "two-tokenizer-settings", "11:3: a recipe has one of 'tokenizer_source' and 'tokenizer', found both." },
        { "unknown-method", "1:15: there is no method 'average'; known methods are linear, slerp, nuslerp, multislerp, karcher, passthrough, task_arithmetic, ties, dare_linear, dare_ties, breadcrumbs, breadcrumbs_ties, della, della_linear, model_stock, sce, arcee_fusion, nearswap, ram, ramplus_tl, tatr, magmax, lines, consensus, pcb, emr, fisher, tsv, iso_c, iso_cts." },
        { "weight-gradient-text", "5:21: 'weight' must be a number, found 'heavy'." },
        { "weight-mixed-list", "8:11: a list of filters for 'weight' holds entries {filter, value} only, found '0.5'." },
        { "weight-null", "5:15: 'weight' has no value, expected a number." },
        { "weight-text", "5:15: 'weight' must be a number, found 'heavy'." },
    };

    /// <summary>Wrong for tensors that the models turn out to have.</summary>
    public static TheoryData<string, string> RefusedAtTensors { get; } = new()
    {
        { "della-epsilon", "4:3: at 'model.embed_tokens.weight' the keep probabilities of 'della' run from density - epsilon to density + epsilon and must lie inside (0, 1), found 0.9 and 0.15." },
        { "linear-zero-sum", "3:3: at 'model.embed_tokens.weight' the weights sum to 0, and the average divides by their sum." },
        { "max-iter-gradient", "6:13: 'max_iter' must be a whole number, and the list gives 1.6667 at 'model.layers.1.self_attn.q_proj.weight'." },
        { "missing-weight-filter", "3:5: 'linear' needs 'weight' for 'models/llama-a', and nothing gives it at 'model.embed_tokens.weight'." },
    };

    private static readonly string[] s_accepted = ["duplicate-model", "multi-name-is-method", "tokens-with-source-base"];

    private static RecipeFile Read(string name) => RecipeFile.Parse(File.ReadAllText(PathOf(name)), name, RecipeText.Exists);

    private static string PathOf(string name) => FixtureFiles.PathOf($"mergekit-errors/{name}.yml");

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_recipe_that_is_wrong_gets_its_sentence(string name, string message) =>
        Assert.Equal($"{name}:{message}", Assert.Throws<YamlException>(() => Read(name)).Message);

    [Theory]
    [MemberData(nameof(RefusedAtTensors))]
    public void A_recipe_that_is_wrong_for_some_tensors_gets_one_sentence_for_all_of_them(string name, string message) =>
        Assert.Equal($"{name}:{message}", Assert.Single(RecipeText.ProblemsOf(Read(name))).Message);

    /// <summary>mergekit stops at these.</summary>
    [Fact]
    public void What_only_mergekit_refuses_is_accepted()
    {
        foreach (string name in s_accepted) Assert.Empty(RecipeText.ProblemsOf(Read(name)));
        RecipeSlice slice = Assert.Single(Assert.Single(Assert.Single(Read("duplicate-model").Recipes).Modules).Slices);
        Assert.Equal(["models/llama-a", "models/llama-b", "models/llama-a"], slice.Sources.Select(s => s.Model.Path));
        Assert.All(Read("multi-name-is-method").Recipes, r => Assert.DoesNotContain(r.Models, m => m.IsDocument));
    }

    [Fact]
    public void Every_recipe_of_the_folder_has_a_test()
    {
        IEnumerable<string> tested = [.. Refused.Select(r => r.Data.Item1), .. RefusedAtTensors.Select(r => r.Data.Item1), .. s_accepted];
        IEnumerable<string?> present = Directory.GetFiles(FixtureFiles.PathOf("mergekit-errors"), "*.yml").Select(Path.GetFileNameWithoutExtension);
        Assert.Equal(present.Order(StringComparer.Ordinal), tested.Order(StringComparer.Ordinal));
    }
}
