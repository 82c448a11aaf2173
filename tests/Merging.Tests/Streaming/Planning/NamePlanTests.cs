using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Streaming.Planning;

/// <summary>What a plan makes of names: layers, modules, older names, tied tensors, and tensors that only some models have.</summary>
public sealed class NamePlanTests(HeaderFixture fixture) : IClassFixture<HeaderFixture>
{
    private const string Linear = "merge_method: linear\nparameters: {weight: 0.5}\n";

    private static IEnumerable<string> NamesOf(MergeJob job) => job.Tensors.Select(t => t.Name);

    private static TensorJob Find(MergeJob job, string name) => job.Tensors.Single(t => t.Name == name);

    private string Clip(string path, string vision) => fixture.Write(path,
        [
            ($"{vision}embeddings.class_embedding", "F32 4"),
            .. Enumerable.Range(0, 3).Select(i => ($"{vision}encoder.layers.{i}.mlp.fc1.weight", "F32 4x4")),
            ($"{vision}post_layernorm.weight", "F32 4"),
        ]);

    /// <summary>Towers of 3 and of 2 layers: each has its own first and last layer.</summary>
    [Fact]
    public void Gradients_run_over_the_layers_of_each_tower()
    {
        fixture.Write("models/clip",
            [
                .. Enumerable.Range(0, 3).Select(i => ($"vision_model.encoder.layers.{i}.w", "F32 4")), .. Enumerable.Range(0, 2).Select(i => ($"text_model.encoder.layers.{i}.w", "F32 4")),
                ("logit_scale", "F32 "),
            ]);
        using MergeJob job = fixture.Plan("merge_method: linear\nparameters: {normalize: false}\nmodels: [{model: models/clip, parameters: {weight: [1, 3]}}]");
        double Weight(string name) => Find(job, name).Parameters!.Number("weight", 0);
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 3).Select(i => Weight($"vision_model.encoder.layers.{i}.w")));
        Assert.Equal([1, 3], Enumerable.Range(0, 2).Select(i => Weight($"text_model.encoder.layers.{i}.w")));
        Assert.Equal(1, Weight("logit_scale"));
        Assert.Equal(0, Find(job, "logit_scale").Shape.Rank);
    }

    /// <summary>A list that meets no layer gives its first value everywhere, which is told; one that meets some, or has one value, is not.</summary>
    [Theory]
    [InlineData("weight: [0, 1]", null, "weight")]
    [InlineData("weight: [{filter: w, value: [0.5, 1]}, {value: 1}]", null, "weight")]
    [InlineData("weight: [0.5, 0.5]", null, null)]
    [InlineData("weight: [0, 1]", @"stage(\d+)_", null)]
    [InlineData("weight: [0, 1]", @"nomatch(\d+)", "weight")]
    public void Gradients_that_meet_no_layer_are_noted(string parameters, string? pattern, string? noted)
    {
        fixture.Write("models/flat", ("stage0_w", "F32 4"), ("stage1_w", "F32 4"), ("stem", "F32 4"));
        using MergeJob job = fixture.Plan($"merge_method: linear\nparameters: {{normalize: false}}\nmodels: [{{model: models/flat, parameters: {{{parameters}}}}}]", o => o with { LayersPattern = pattern });
        if (noted is null) Assert.Empty(job.Notes);
        else Assert.Contains($"the list of '{noted}' runs over layers, and no tensor that it is for has a layer's number in its name, so its first value ", Assert.Single(job.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_whose_filter_matches_nothing_is_noted_once()
    {
        using MergeJob job = fixture.Plan("merge_method: linear\nmodels: [{model: models/llama-a, parameters: {weight: [{filter: nothing, value: [0, 1]}, {value: [0.5, 1]}]}}]");
        Assert.EndsWith("the filter \"nothing\" of 'weight' matches no tensor, so its entry has no effect.", Assert.Single(job.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("models/old", "models/new")]
    [InlineData("models/new", "models/old")]
    public void A_prefix_that_one_file_lacks_is_found_whatever_the_order(string first, string second)
    {
        Clip("models/new", "vision_model.");
        Clip("models/old", "");
        using MergeJob job = fixture.Plan($"{Linear}models: [{{model: {first}}}, {{model: {second}}}]");
        Assert.Equal(5, job.Tensors.Count);
        Assert.All(job.Tensors, t => Assert.StartsWith("vision_model.", t.Name, StringComparison.Ordinal));
        Assert.All(job.Tensors, t => Assert.Equal(t.Name[13..], t.Sources[first == "models/old" ? 0 : 1].Tensor));
        Assert.Equal(["models/old: 5 of 5 tensors are read under older names, such as \"embeddings.class_embedding\" for \"vision_model.embeddings.class_embedding\"."], job.Notes);
    }

    [Fact]
    public void Layer_scales_keep_their_name_and_old_norms_do_not()
    {
        fixture.Write("models/gamma", ("blocks.0.ls1.gamma", "F32 4"), ("x.LayerNorm.beta", "F32 4"), ("x.LayerNorm.gamma", "F32 4"), ("y.LayerNorm.gamma", "F32 4"));
        using MergeJob job = fixture.Plan("merge_method: passthrough\nmodels: [{model: models/gamma}]");
        Assert.Equal(["blocks.0.ls1.gamma", "x.LayerNorm.bias", "x.LayerNorm.weight", "y.LayerNorm.gamma"], NamesOf(job));
        Assert.Equal(["x.LayerNorm.beta", "x.LayerNorm.gamma"], job.Tensors.Skip(1).Take(2).Select(t => t.Sources[0].Tensor));
    }

    /// <summary>A head that the base alone has stays; one that a model alone has cannot be merged; neither goes without a note.</summary>
    [Fact]
    public void What_only_some_models_have_is_copied_from_the_base_or_noted()
    {
        fixture.Write("models/with", ("encoder.w", "F32 4"), ("head.w", "F32 4"));
        fixture.Write("models/without", ("encoder.w", "F32 4"));
        using MergeJob kept = fixture.Plan("merge_method: task_arithmetic\nparameters: {weight: 1}\nbase_model: models/with\nmodels: [{model: models/without}]");
        Assert.Equal(["encoder.w", "head.w"], NamesOf(kept));
        Assert.Null(Find(kept, "head.w").Method);
        Assert.Equal(["\"head.w\" is copied from the base models/with: models/without has nothing like it."], kept.Notes);
        using MergeJob left = fixture.Plan("merge_method: task_arithmetic\nparameters: {weight: 1}\nbase_model: models/without\nmodels: [{model: models/with}]");
        Assert.Equal(["encoder.w"], NamesOf(left));
        Assert.Equal(["\"head.w\" is left out: only models/with has it, and models/without has nothing like it."], left.Notes);
    }

    [Fact]
    public void What_belongs_to_a_module_that_the_model_has_is_missing()
    {
        fixture.Write("models/whole", ("model.embed.w", "F32 4"), ("model.norm.w", "F32 4"));
        fixture.Write("models/part", ("model.embed.w", "F32 4"));
        Assert.Equal(["models/part: the tensor \"model.norm.w\" is missing, which models/whole has."], fixture.ProblemsOf($"{Linear}models: [{{model: models/whole}}, {{model: models/part}}]"));
    }

    [Fact]
    public void What_no_module_names_is_copied_from_the_donor()
    {
        using MergeJob job = fixture.Plan($"{Linear}modules: {{encoder: {{models: [{{model: models/t5-a}}, {{model: models/t5-b}}]}}}}");
        Assert.Equal(fixture.Model("t5-a").Keys, NamesOf(job).Order(StringComparer.Ordinal));
        Assert.All(job.Tensors, t => Assert.Equal(t.Name.StartsWith("encoder.", StringComparison.Ordinal), t.Method is not null));
        Assert.Contains("\"shared.weight\" is in none of the recipe's modules and is copied from models/t5-a.", job.Notes);
    }

    /// <summary>The first slice's layers, then the second's, numbered anew; the rest as mergekit takes it.</summary>
    [Fact]
    public void Slices_of_one_module_are_stacked()
    {
        using MergeJob job = fixture.Plan("""
            merge_method: passthrough
            modules:
              encoder:
                slices:
                  - sources: [{model: models/t5-a, layer_range: [0, 2]}]
                  - sources: [{model: models/t5-b, layer_range: [1, 2]}]
            """);
        TensorJob last = Find(job, "encoder.block.2.layer.0.SelfAttention.q.weight");
        Assert.Equal("encoder.block.1.layer.0.SelfAttention.q.weight", last.Sources[0].Tensor);
        Assert.EndsWith("t5-b", last.Sources[0].Checkpoint.Path, StringComparison.Ordinal);
        Assert.EndsWith("t5-b", Find(job, "encoder.final_layer_norm.weight").Sources[0].Checkpoint.Path, StringComparison.Ordinal);
        Assert.Contains("models/t5-b: no slice takes the layer 0 of \"encoder.block.N\".", job.Notes);
    }

    [Fact]
    public void A_pattern_finds_layers_that_names_do_not_tell()
    {
        fixture.Write("models/stages", ("stage0_w", "F32 4"), ("stage1_w", "F32 4"), ("stem", "F32 4"));
        const string Recipe = "merge_method: passthrough\nslices:\n  - sources: [{model: models/stages, layer_range: [1, 2]}]";
        Assert.EndsWith("slices need layers, and no tensor of models/stages has a layer's number in its name; --layers says where it stands.", Assert.Single(fixture.ProblemsOf(Recipe)), StringComparison.Ordinal);
        using MergeJob job = fixture.Plan(Recipe, o => o with { LayersPattern = @"stage(\d+)_" });
        Assert.Equal([("stage0_w", "stage1_w"), ("stem", "stem")], job.Tensors.Select(t => (t.Name, t.Sources[0].Tensor)));
        Assert.StartsWith("--layers is \"stage(\", expected a usable regular expression", fixture.ProblemsOf(Recipe, o => o with { LayersPattern = "stage(" })[0], StringComparison.Ordinal);
        Assert.StartsWith("--layers is \"stage\", expected a group around the layer's number", fixture.ProblemsOf(Recipe, o => o with { LayersPattern = "stage" })[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_is_listed_twice_counts_twice_and_is_opened_once()
    {
        using MergeJob job = fixture.Plan($"{Linear}models: [{{model: models/llama-a}}, {{model: models/llama-a}}, {{model: ./models/llama-a}}]");
        Assert.Single(job.Inputs);
        Assert.All(job.Tensors, t => Assert.Equal(3, t.Sources.Count));
    }

    [Fact]
    public void Types_that_are_not_computed_with_are_copied_alone_and_refused_together()
    {
        fixture.Write("models/f8", ("w", "F8_E4M3 4"), ("scale", "F32 "));
        using MergeJob job = fixture.Plan("merge_method: passthrough\ndtype: bfloat16\nmodels: [{model: models/f8}]");
        Assert.Equal([DType.BF16, DType.F8E4M3], job.Tensors.Select(t => t.DType));
        Assert.Equal(["\"w\" is F8_E4M3, which is not computed with, and is copied."], job.Notes);
        Assert.Equal(["models/f8: the tensor \"w\" is F8_E4M3, which cannot be computed with, expected F32, F16, BF16 or F64."], fixture.ProblemsOf($"{Linear}models: [{{model: models/f8}}, {{model: models/f8}}]"));
        fixture.Write("models/ids", ("w", "I64 4"), ("scale", "F32 "));
        Assert.Equal(["models/ids: the tensor \"w\" is I64, expected F8_E4M3 as in models/f8."], fixture.ProblemsOf($"{Linear}models: [{{model: models/f8}}, {{model: models/ids}}]"));
    }

    /// <summary>The narrowest type that holds both, tensor by tensor; the recipe's types where it has some; integers keep theirs.</summary>
    [Theory]
    [InlineData("", "", DType.F32, DType.F32)]
    [InlineData("", "float16", DType.F32, DType.F16)]
    [InlineData("bfloat16", "", DType.BF16, DType.BF16)]
    [InlineData("float64", "bfloat16", DType.F64, DType.BF16)]
    public void Types_are_those_of_the_recipe_or_the_common_one(string dtype, string stored, DType read, DType written)
    {
        fixture.Write("models/half", ("a", "F16 4"), ("n", "I64 2"), ("same", "BF16 4"));
        fixture.Write("models/brain", ("a", "BF16 4"), ("n", "I64 2"), ("same", "BF16 4"));
        string types = (dtype.Length > 0 ? $"dtype: {dtype}\n" : "") + (stored.Length > 0 ? $"out_dtype: {stored}\n" : "");
        using MergeJob job = fixture.Plan($"{Linear}{types}models: [{{model: models/half}}, {{model: models/brain}}]");
        TensorJob mixed = Find(job, "a");
        Assert.Equal(written, mixed.DType);
        Assert.All(mixed.Sources, s => Assert.Equal(read, s.DType));
        Assert.Equal(DType.I64, Find(job, "n").DType);
        Assert.Equal(dtype.Length + stored.Length == 0 ? DType.BF16 : written, Find(job, "same").DType);
    }

    [Fact]
    public void Rows_are_cut_to_the_fewest_of_all_models()
    {
        using MergeJob job = fixture.Plan("merge_method: task_arithmetic\nparameters: {weight: 1}\nbase_model: models/tok-b\nmodels: [{model: models/tok-p}, {model: models/tok-base}]",
            o => o with { UnsafeTruncateEmbeddings = true });
        Assert.Equal([96L, 16L], Find(job, "lm_head.weight").Shape);
        Assert.Contains("\"lm_head.weight\" is cut to the first 96 rows, which all models have.", job.Notes);
    }

    [Fact]
    public void A_file_that_parameters_name_must_open()
    {
        const string Recipe = "merge_method: tatr\nbase_model: models/llama-base\nmodels: [{model: models/llama-a, parameters: {weight: 1, gradients: models/none.safetensors}}]";
        Assert.Contains("none.safetensors", Assert.Single(fixture.ProblemsOf(Recipe)), StringComparison.Ordinal);
    }
}
