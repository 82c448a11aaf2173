using System.Text.Json.Nodes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Defects;

/// <summary>Where mergekit loses tensors, follows paths out of a directory, leaves half an output or writes a config that lies: what comes out here, from recipe to directory.</summary>
public sealed class FileDefectTests : IDisposable
{
    private const string Mean = "merge_method: linear\nmodels:\n- {model: models/a, parameters: {weight: 1}}\n- {model: models/b, parameters: {weight: 1}}\n";

    private readonly WrittenModels _models = new();

    public void Dispose() => _models.Dispose();

    private static Written[] All(IEnumerable<string> names, float value, DType dtype = DType.F32) => [.. names.Select((n, i) => new Written(n, [2], [value + i, value], dtype))];

    private void MergesWhole(string[] names)
    {
        _models.Write("a", "{}", All(names, 1)).Write("b", "{}", All(names, 3));
        using Checkpoint output = Checkpoint.Open(_models.Merge(Mean));
        Assert.Equal(names.Order(StringComparer.Ordinal), output.Names);
        for (int i = 0; i < names.Length; i++) Assert.Equal([2f + i, 2f], output.ReadFloat32(names[i]));
    }

    [Fact]
    public void A_vision_transformer_is_merged_with_all_its_layers() => MergesWhole(
    [
        "vit.embeddings.cls_token", "vit.embeddings.patch_embeddings.projection.weight", "vit.encoder.layer.0.attention.attention.query.weight", "vit.encoder.layer.0.output.dense.bias",
        "vit.encoder.layer.1.attention.attention.query.weight", "vit.encoder.layer.1.output.dense.bias", "vit.layernorm.weight", "classifier.weight",
    ]);

    [Fact]
    public void A_masked_language_model_keeps_the_transform_of_its_head_and_needs_no_pooler() => MergesWhole(
    [
        "bert.embeddings.word_embeddings.weight", "bert.encoder.layer.0.output.dense.weight", "cls.predictions.bias", "cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
    ]);

    [Fact]
    public void A_plain_encoder_is_merged() =>
        MergesWhole(["embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight", "encoder.layer.0.output.LayerNorm.bias", "pooler.dense.weight"]);

    [Fact]
    public void Tensors_that_no_architecture_names_are_merged_like_all_others() => MergesWhole(["model.layers.0.w", "my.own.adapter.weight", "v_head.summary.weight", "x"]);

    [Fact]
    public void No_tensor_is_left_out_without_a_note()
    {
        _models.Write("a", "{}", All(["model.layers.0.w", "value_head.w"], 1)).Write("b", "{}", All(["model.layers.0.w"], 3));
        MergeResult? result = null;
        _models.Merge(Mean, take: results => result = Assert.Single(results));
        Assert.Contains(result!.Notes, n => n.Contains("\"value_head.w\" is left out", StringComparison.Ordinal));
    }

    [Fact]
    public void Norm_and_head_use_all_models_of_the_last_slice()
    {
        string[] names = ["model.embed_tokens.weight", "model.layers.0.w", "model.layers.1.w", "model.norm.weight"];
        _models.Write("a", "{}", All(names, 0)).Write("b", "{}", All(names, 3)).Write("c", "{}", All(names, 6));
        const string recipe = """
            merge_method: linear
            parameters: {weight: 1}
            slices:
            - sources:
              - {model: models/a, layer_range: [0, 1]}
              - {model: models/b, layer_range: [0, 1]}
            - sources:
              - {model: models/a, layer_range: [1, 2]}
              - {model: models/b, layer_range: [1, 2]}
              - {model: models/c, layer_range: [1, 2]}
            """;
        using Checkpoint output = Checkpoint.Open(_models.Merge(recipe));
        Assert.Equal([6f, 3f], output.ReadFloat32("model.norm.weight"));
        Assert.Equal([1.5f, 1.5f], output.ReadFloat32("model.embed_tokens.weight"));
    }

    [Theory]
    [InlineData("../b/model.safetensors")]
    [InlineData("/etc/hostname")]
    [InlineData("..")]
    public void A_shard_name_that_leaves_the_directory_is_refused_and_nothing_is_written(string shard)
    {
        _models.Write("a", "{}", All(["w"], 1)).Write("b", "{}", All(["w"], 1));
        File.Delete(_models.PathOf("models/a/model.safetensors"));
        File.WriteAllText(_models.PathOf("models/a/model.safetensors.index.json"), $"{{\"metadata\": {{}}, \"weight_map\": {{\"w\": \"{shard}\"}}}}");
        Assert.Contains("index.json", Assert.Throws<PlanningException>(() => _models.Merge(Mean)).Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(_models.PathOf("out-0")));
    }

    [Fact]
    public void A_failed_merge_leaves_no_directory()
    {
        _models.Write("a", "{}", All(["w"], 1)).Write("b", "{}", All(["w"], 1));
        File.WriteAllText(_models.PathOf("models/a/config.json"), "{");
        Assert.Throws<SafetensorsException>(() => _models.Merge(Mean));
        Assert.Equal(["models"], Directory.GetFileSystemEntries(_models.Root).Select(e => Path.GetFileName(e)!));
    }

    /// <summary>mergekit's help speaks of parameters; its code, and here the help too, of bytes.</summary>
    [Fact]
    public void The_size_of_a_shard_is_in_bytes_of_tensors()
    {
        _models.Write("a", "{}", All(["u", "v", "w"], 1)).Write("b", "{}", All(["u", "v", "w"], 1));
        string output = _models.Merge(Mean, o => o with { ShardSize = 16 });
        Assert.Equal(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], Directory.GetFiles(output, "*.safetensors").Select(f => Path.GetFileName(f)!).Order());
        Assert.Equal(24, (int)JsonNode.Parse(File.ReadAllText(Path.Combine(output, "model.safetensors.index.json")))!["metadata"]!["total_size"]!);
    }

    [Fact]
    public void The_config_of_two_half_types_says_what_the_tensors_are()
    {
        _models.Write("a", """{"dtype": "bfloat16"}""", All(["w"], 1, DType.BF16)).Write("b", """{"dtype": "float16"}""", All(["w"], 1, DType.F16));
        string output = _models.Merge(Mean);
        Assert.Equal("""{"dtype": "float32"}""", File.ReadAllText(Path.Combine(output, "config.json")));
        using Checkpoint merged = Checkpoint.Open(output);
        Assert.Equal(DType.F32, merged["w"].DType);
    }

    [Fact]
    public void A_head_that_only_one_model_has_of_its_own_is_written_and_not_called_tied()
    {
        _models.Write("a", """{"tie_word_embeddings": true}""", All(["model.embed_tokens.weight"], 1)).Write("b", """{"tie_word_embeddings": false}""", All(["model.embed_tokens.weight", "lm_head.weight"], 4));
        string output = _models.Merge(Mean);
        Assert.Equal("""{"tie_word_embeddings": false}""", File.ReadAllText(Path.Combine(output, "config.json")));
        using Checkpoint merged = Checkpoint.Open(output);
        // The embeddings of the tied model stand in for its head.
        Assert.Equal([3f, 2.5f], merged.ReadFloat32("lm_head.weight"));
    }

    [Fact]
    public void Cut_embeddings_and_their_config_agree()
    {
        Written Rows(int rows) => new("model.embed_tokens.weight", [rows, 1], [.. Enumerable.Range(0, rows).Select(i => (float)i)]);
        _models.Write("a", """{"vocab_size": 5}""", Rows(5)).Write("b", """{"vocab_size": 3}""", Rows(3));
        string output = _models.Merge(Mean, o => o with { UnsafeTruncateEmbeddings = true });
        Assert.Equal("""{"vocab_size": 3}""", File.ReadAllText(Path.Combine(output, "config.json")));
        using Checkpoint merged = Checkpoint.Open(output);
        Assert.Equal(new Shape(3, 1), merged["model.embed_tokens.weight"].Shape);
    }

    /// <summary>mergekit replaces any text of a later document that equals a name, and asks a hub about every local path once the weights are written.</summary>
    [Fact]
    public void A_documents_name_is_a_model_only_where_a_model_is_meant_and_no_hub_is_asked_about_paths()
    {
        _models.Write("a", "{}", All(["w"], 1)).Write("linear", "{}", All(["w"], 3));
        const string recipe = """
            name: linear
            merge_method: passthrough
            models:
            - {model: models/a, parameters: {scale: 2}}
            ---
            merge_method: linear
            models:
            - {model: linear, parameters: {weight: 1}}
            - {model: models/linear, parameters: {weight: 1}}
            """;
        string output = _models.Merge(recipe, o => o with { IntermediateDirectory = "between" });
        using Checkpoint merged = Checkpoint.Open(output);
        Assert.Equal([2.5f, 2.5f], merged.ReadFloat32("w"));
        Assert.Contains("- `models/linear`", File.ReadAllText(Path.Combine(output, "README.md")), StringComparison.Ordinal);
    }
}
