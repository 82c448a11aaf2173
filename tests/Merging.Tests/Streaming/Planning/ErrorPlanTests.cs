using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Planning;

/// <summary>The recipes that mergekit refuses once it looks at the models: each gets its sentences before a weight is read, or is merged where that is right.</summary>
public sealed class ErrorPlanTests(HeaderFixture fixture) : IClassFixture<HeaderFixture>
{
    private static Recipe Read(string name) =>
        RecipeFile.Parse(File.ReadAllText(FixtureFiles.PathOf($"{(name is "missing-weight-filter" or "max-iter-gradient" or "della-epsilon" or "linear-zero-sum" or "duplicate-model" or "tokens-with-source-base" ? "mergekit-errors" : "mergekit-headers/errors")}/{name}.yml")), "r.yml", RecipeText.Exists).Result!;

    private MergeJob Plan(Recipe recipe, bool truncate = false) => fixture.Plan(recipe, o => o with { UnsafeTruncateEmbeddings = truncate });

    [Theory]
    [InlineData("no-such-model", "The model \"models/absent\" does not exist, expected a directory or a .safetensors file.")]
    [InlineData("no-weights", "/models/empty: the directory holds \"config.json\", expected model.safetensors, model.safetensors.index.json or exactly one other .safetensors file.")]
    [InlineData("broken-index", "/models/broken-index/model.safetensors.index.json: 1 of 1 shard is missing: \"model-00001-of-00001.safetensors\".")]
    [InlineData("index-outside", "/models/index-outside/model.safetensors.index.json")]
    [InlineData("truncated-file", "/models/truncated/model.safetensors")]
    [InlineData("missing-tensor", "models/llama-a-missing: the tensor \"model.layers.1.mlp.up_proj.weight\" is missing, which models/llama-b has.")]
    [InlineData("missing-tensor-base", "models/llama-a-missing: the tensor \"model.layers.1.mlp.up_proj.weight\" is missing, which models/llama-b has.")]
    [InlineData("layer-range-beyond", "r.yml:4:9: 'layer_range' [0, 6] goes beyond models/llama-a, which has 4 layers \"model.layers.N\".")]
    [InlineData("unknown-module", "r.yml:5:7: there is no module \"vision\": no tensor of models/llama-a, models/llama-b has such a name; they begin with \"lm_head\", \"model\".")]
    [InlineData("slices-of-modular", "r.yml:3:3: slices stack the layers of one part of a model, and models/t5-a has 2 parts with layers (\"decoder.block.\", \"encoder.block.\"); 'modules' names them.")]
    [InlineData("missing-weight-filter", "r.yml:3:5: 'linear' needs 'weight' for 'models/llama-a', and nothing gives it at 'lm_head.weight'.")]
    [InlineData("max-iter-gradient", "r.yml:6:13: 'max_iter' must be a whole number, and the list gives 1.6667 at 'model.layers.1.input_layernorm.weight'.")]
    [InlineData("della-epsilon", "r.yml:4:3: at 'lm_head.weight' the keep probabilities of 'della' run from density - epsilon to density + epsilon and must lie inside (0, 1), found 0.9 and 0.15.")]
    [InlineData("linear-zero-sum", "r.yml:3:3: at 'lm_head.weight' the weights sum to 0, and the average divides by their sum.")]
    [InlineData("tokenizer-source-absent", "r.yml:6:19: models/tok-none has no tokenizer, expected a tokenizer.json, vocab.json or vocab.txt beside its weights.")]
    [InlineData("token-not-in-model", "r.yml:13:5: the token \"zebra\" takes its row from \"zebra\" of models/tok-b, which has no such token.")]
    [InlineData("token-id-range", "r.yml:13:5: the token \"zebra\" takes its row from row 5000 of models/tok-b, which has 103 rows.")]
    public void What_is_wrong_is_one_sentence(string name, string sentence)
    {
        Recipe recipe = Read(name);
        string problem = Assert.Single(Assert.Throws<PlanningException>(() => Plan(recipe)).Problems);
        Assert.Contains(sentence, problem, StringComparison.Ordinal);
        Assert.EndsWith(".", problem, StringComparison.Ordinal);
    }

    /// <summary>mergekit ends with an error of its own here; right is the base's vocabulary and the token.</summary>
    [Fact]
    public void A_token_may_be_added_to_the_vocabulary_of_the_base()
    {
        using MergeJob job = Plan(Read("tokens-with-source-base"));
        Assert.Equal(97, job.Vocabulary!.Rows);
        Assert.All(job.Tensors.Where(t => t.Name is "lm_head.weight" or "model.embed_tokens.weight"), t => Assert.Equal(97, t.Shape[0]));
    }

    /// <summary>The same faults in the files that mergekit itself was given.</summary>
    [Theory]
    [InlineData("no-such-model")]
    [InlineData("no-weights")]
    [InlineData("broken-index")]
    [InlineData("index-outside")]
    [InlineData("truncated-file")]
    [InlineData("missing-tensor")]
    [InlineData("missing-tensor-base")]
    [InlineData("layer-range-beyond")]
    [InlineData("unknown-module")]
    [InlineData("slices-of-modular")]
    [InlineData("shape-mismatch")]
    [InlineData("vocabulary-mismatch")]
    [InlineData("mixed-architectures")]
    public void The_reference_files_get_the_same_sentences(string name)
    {
        Assert.SkipUnless(Directory.Exists(HeaderFixture.Shared), "The shared fixtures are not beside the repository.");
        Recipe recipe = Read(name);
        IReadOnlyList<string> ours = Assert.Throws<PlanningException>(() => Plan(recipe)).Problems;
        IReadOnlyList<string> theirs = Assert.Throws<PlanningException>(() => fixture.Plan(recipe, o => o with { WorkingDirectory = HeaderFixture.Shared })).Problems;
        Assert.Equal(ours.Count, theirs.Count);
        // Sentences about files name lengths and shards; those about tensors are the same to the letter.
        if (name is not ("index-outside" or "truncated-file")) Assert.Equal(ours.Select(p => p.Replace(fixture.Root, "", StringComparison.Ordinal)), theirs.Select(p => p.Replace(HeaderFixture.Shared, "", StringComparison.Ordinal)));
    }

    /// <summary>Hidden sizes 20 and 24: every tensor of the second model is of another shape, and cutting rows does not mend it.</summary>
    [Theory]
    [InlineData("shape-mismatch", false)]
    [InlineData("vocabulary-mismatch-truncate", true)]
    public void Every_tensor_of_another_shape_is_named(string name, bool truncate)
    {
        Recipe recipe = Read(name);
        PlanningException error = Assert.Throws<PlanningException>(() => Plan(recipe, truncate));
        Assert.Contains("models/llama-wide: the tensor \"lm_head.weight\" has the shape [96, 24], expected [96, 20] as in models/llama-a.", error.Problems);
        Assert.Equal(fixture.Model("llama-wide").Count(t => t.Value != fixture.Model("llama-a")[t.Key]), error.Problems.Count);
        Assert.StartsWith($"{error.Problems.Count} problems:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_number_of_rows_has_two_remedies()
    {
        Recipe recipe = Read("vocabulary-mismatch");
        const string Remedy = " as in models/tok-base; a 'tokenizer' in the recipe aligns vocabularies, and --unsafe-truncate-embeddings cuts to the fewer rows.";
        Assert.Equal(
            [
                $"models/tok-b: the tensor \"lm_head.weight\" has the shape [103, 16], expected [96, 16]{Remedy}",
                $"models/tok-b: the tensor \"model.embed_tokens.weight\" has the shape [103, 16], expected [96, 16]{Remedy}",
            ],
            Assert.Throws<PlanningException>(() => Plan(recipe)).Problems);
    }

    [Fact]
    public void Two_architectures_do_not_merge_and_both_faults_are_told()
    {
        Recipe recipe = Read("mixed-architectures");
        IReadOnlyList<string> problems = Assert.Throws<PlanningException>(() => Plan(recipe)).Problems;
        Assert.Contains("models/qwen2-a: the tensor \"model.layers.3.mlp.up_proj.weight\" is missing, which models/llama-a has.", problems);
        Assert.Contains("models/llama-a: the tensor \"model.layers.0.self_attn.q_proj.bias\" is missing, which models/qwen2-a has.", problems);
        Assert.Contains("models/qwen2-a: the tensor \"model.norm.weight\" has the shape [16], expected [20] as in models/llama-a.", problems);
    }

    /// <summary>mergekit stops here, or refuses what transformers writes, for reasons of its own.</summary>
    [Theory]
    [InlineData("bert-model", "bert-base")]
    [InlineData("missing-pooler", "bertmlm-nopooler")]
    [InlineData("della-one-element", "bertone-a")]
    [InlineData("multislerp-opposite", "llama-a")]
    [InlineData("duplicate-model", "llama-a")]
    [InlineData("buffer-differs", "bertcls-a")]
    public void What_mergekit_should_merge_is_planned_whole(string name, string like)
    {
        Recipe recipe = Read(name);
        using MergeJob job = Plan(recipe);
        Assert.Equal(fixture.Model(like), HeaderFixture.Describe(job));
    }

    [Fact]
    public void No_config_is_needed()
    {
        using MergeJob job = fixture.Plan("merge_method: passthrough\nmodels: [{model: models/bare}]");
        Assert.Equal(fixture.Model("bare"), HeaderFixture.Describe(job));
        Assert.Empty(job.Notes);
    }

    [Fact]
    public void Integers_that_differ_are_copied_and_noted()
    {
        Recipe recipe = Read("buffer-differs");
        using MergeJob job = Plan(recipe);
        Assert.Contains("\"bert.embeddings.position_ids\" is I64 and is copied from models/bertcls-a; its values in models/bertcls-b-ids are others.", job.Notes);
        TensorJob copy = job.Tensors.Single(t => t.Name == "bert.embeddings.position_ids");
        Assert.Null(copy.Method);
        Assert.Equal("models/bertcls-a", Path.GetRelativePath(fixture.Root, Assert.Single(copy.Sources).Checkpoint.Path));
    }

    /// <summary>mergekit wants a directory for the adapted model; here it is read as it is needed.</summary>
    [Fact]
    public void An_adapter_needs_no_cache()
    {
        using MergeJob job = Plan(Read("lora-no-cache"));
        Assert.Equal(8, job.Tensors.Count(t => t.Sources[0].Transform is not null));
    }

    [Fact]
    public void All_models_that_cannot_be_opened_are_told_together()
    {
        IReadOnlyList<string> problems = fixture.ProblemsOf("""
            merge_method: karcher
            models: [{model: models/absent}, {model: models/empty}, {model: models/truncated}, {model: models/lora-plain}, {model: models/llama-a@v2}, {model: models/llama-a+models/absent}]
            """);
        Assert.Equal(6, problems.Count);
        Assert.Contains($"The adapter \"{fixture.Root}/models/absent\" does not exist, expected a directory with adapter_config.json and adapter_model.safetensors.", problems);
        Assert.Contains("The model \"models/lora-plain\" is an adapter, expected a whole model.", problems);
        Assert.Contains("The model \"models/llama-a@v2\" names the revision \"v2\", but only files on this machine are read, which have none.", problems);
    }
}
