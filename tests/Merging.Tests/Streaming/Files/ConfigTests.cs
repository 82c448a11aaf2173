using System.Text.Json.Nodes;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Files;

/// <summary>config.json of an output: the donor's, and different exactly where the output is.</summary>
public sealed class ConfigTests : IDisposable
{
    private readonly ModelFiles _models = new();

    public void Dispose() => _models.Dispose();

    private static string Slices(params (string Model, int From, int To)[] slices) =>
        "merge_method: passthrough\nslices:\n" + string.Concat(slices.Select(s => $"- sources:\n  - model: models/{s.Model}\n    layer_range: [{s.From}, {s.To}]\n"));

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    [Fact]
    public void What_does_not_differ_stays_byte_for_byte_down_to_numbers_that_json_cannot_hold()
    {
        const string config = "\uFEFF{\n\t\"model_max\": 1000000000000000019884624838656,  \"eps\":1e-06, \"clip\": Infinity, \"low\": -Infinity, \"none\": [NaN, 1.0],\r\n \"name\": \"é\\u00e9 NaN \\\"Infinity\\\"\", \"torch_dtype\": \"float32\"}\n\n";
        _models.Add("a", config).Add("b", "{}");
        Assert.Equal(config[1..], _models.Config());
        Assert.Equal(config[1..].Replace("float32", "bfloat16", StringComparison.Ordinal), _models.Config(ModelFiles.Linear + "dtype: float32\nout_dtype: bfloat16\n"));
    }

    [Theory]
    [InlineData("""{"dtype": "float16"}""", "", """{"dtype": "bfloat16"}""")]
    [InlineData("""{"torch_dtype": "float16"}""", "", """{"torch_dtype": "bfloat16"}""")]
    [InlineData("""{"dtype": null}""", "", """{"dtype": null}""")]
    [InlineData("""{"a": 1}""", "", """{"a": 1}""")]
    [InlineData("""{"a": 1}""", "dtype: float16", """{"torch_dtype": "float16","a": 1}""")]
    [InlineData("{}", "dtype: float16", """{"torch_dtype": "float16"}""")]
    [InlineData("{\n  \"a\": 1\n}", "dtype: float16", "{\n  \"torch_dtype\": \"float16\",\n  \"a\": 1\n}")]
    [InlineData("""{"dtype": null}""", "out_dtype: float64", """{"dtype": "float64"}""")]
    [InlineData("""{"torch_dtype": 16}""", "dtype: float16", """{"torch_dtype": "float16"}""")]
    [InlineData("""{"torch_dtype": 16}""", "", """{"torch_dtype": "bfloat16"}""")]
    [InlineData("""{"torch_dtype": ["a"], "dtype": {"": "float16"}}""", "dtype: float16", """{"torch_dtype": "float16", "dtype": "float16"}""")]
    [InlineData("""{"dtype": "auto", "torch_dtype": "float32"}""", "dtype: float16", """{"dtype": "float16", "torch_dtype": "float16"}""")]
    [InlineData("""{"dtype": null, "torch_dtype": true}""", "", """{"dtype": null, "torch_dtype": "bfloat16"}""")]
    [InlineData("""{"text_config": {"torch_dtype": 16}}""", "dtype: float16", """{"torch_dtype": "float16","text_config": {"torch_dtype": "float16"}}""")]
    [InlineData("""{"dtype": "float16", "text_config": {"dtype": "float16"}, "quantization_config": {"dtype": "float16"}}""", "", """{"dtype": "bfloat16", "text_config": {"dtype": "bfloat16"}, "quantization_config": {"dtype": "float16"}}""")]
    public void The_dtype_is_that_of_the_tensors_or_of_the_recipe(string config, string line, string expected)
    {
        _models.Add("a", config, DType.BF16).Add("b", null, DType.BF16);
        Assert.Equal(expected, _models.Config(ModelFiles.Linear + line + "\n"));
    }

    [Fact]
    public void Tensors_of_several_types_leave_the_dtype_as_it_is()
    {
        _models.Add("a", """{"dtype": "bfloat16"}""", DType.BF16);
        SafetensorsWriter.Write(_models.PathOf("models/a/model.safetensors"),
            [TensorContent.FromFloat32("x", new Shape(2), new float[] { 1, 2 }, DType.BF16), TensorContent.FromFloat32("norm", new Shape(2), new float[] { 1, 2 }, DType.F32)]);
        Assert.Equal("""{"dtype": "bfloat16"}""", _models.Config("merge_method: passthrough\nmodels:\n- model: models/a\n"));
    }

    [Theory]
    [InlineData("model.layers.", """{"num_hidden_layers": 4, "n": 4}""", """{"num_hidden_layers": 6, "n": 4}""")]
    [InlineData("transformer.h.", """{"n_layer": 4}""", """{"n_layer": 6}""")]
    [InlineData("encoder.layer.", """{"num_hidden_layers": 4}""", """{"num_hidden_layers": 6}""")]
    [InlineData("model.decoder.layers.", """{"num_hidden_layers": 4}""", """{"num_hidden_layers": 6}""")]
    [InlineData("language_model.model.layers.", """{"text_config": {"num_hidden_layers": 4}, "vision_config": {"num_hidden_layers": 4}}""", """{"text_config": {"num_hidden_layers": 6}, "vision_config": {"num_hidden_layers": 4}}""")]
    [InlineData("vision_model.encoder.layers.", """{"text_config": {"num_hidden_layers": 4}, "vision_config": {"num_hidden_layers": 4}}""", """{"text_config": {"num_hidden_layers": 4}, "vision_config": {"num_hidden_layers": 6}}""")]
    [InlineData("visual.blocks.", """{"num_hidden_layers": 4, "vision_config": {"depth": 4}}""", """{"num_hidden_layers": 4, "vision_config": {"depth": 6}}""")]
    [InlineData("model.encoder.layers.", """{"encoder_layers": 4, "decoder_layers": 4, "num_hidden_layers": 4}""", """{"encoder_layers": 6, "decoder_layers": 4, "num_hidden_layers": 6}""")]
    [InlineData("decoder.block.", """{"num_layers": 4, "num_decoder_layers": 4}""", """{"num_layers": 4, "num_decoder_layers": 6}""")]
    [InlineData("encoder.block.", """{"num_layers": 4, "num_decoder_layers": 4}""", """{"num_layers": 6, "num_decoder_layers": 4}""")]
    [InlineData("decoder.bert.encoder.layer.", """{"encoder": {"num_hidden_layers": 4}, "decoder": {"num_hidden_layers": 4}}""", """{"encoder": {"num_hidden_layers": 4}, "decoder": {"num_hidden_layers": 6}}""")]
    [InlineData("model.layers.", """{"num_hidden_layers": 3}""", """{"num_hidden_layers": 6}""")]
    public void The_number_of_layers_follows_the_slices_under_whatever_name_it_has(string stack, string config, string expected)
    {
        _models.Add("a", config, tensors: [.. Enumerable.Range(0, 4).Select(i => ($"{stack}{i}.weight", new long[] { 2, 2 })), ("norm.weight", [2])]);
        Assert.Equal(expected, _models.Config(Slices(("a", 0, 3), ("a", 1, 4))));
    }

    [Fact]
    public void A_decoder_that_was_as_deep_as_its_encoder_gets_a_number_of_its_own()
    {
        (string, long[])[] t5 = [.. from s in new[] { "encoder", "decoder" } from i in Enumerable.Range(0, 3) select ($"{s}.block.{i}.weight", new long[] { 2, 2 })];
        _models.Add("a", """{"num_layers": 3}""", tensors: t5);
        const string recipe = "merge_method: passthrough\nmodules:\n  encoder:\n    slices:\n    - sources: [{model: models/a, layer_range: [0, 3]}]\n  decoder:\n    slices:\n    - sources: [{model: models/a, layer_range: [0, 2]}]\n";
        Assert.Equal("""{"num_decoder_layers": 2,"num_layers": 3}""", _models.Config(recipe));
    }

    [Fact]
    public void A_config_without_a_number_of_layers_is_told_of()
    {
        _models.Add("a", "{}");
        CompanionFiles files = _models.Plan(Slices(("a", 0, 2)));
        Assert.Equal("{}", ModelFiles.Text(files, "config.json"));
        Assert.Contains(files.Notes, n => n.Contains("no setting tells", StringComparison.Ordinal) && n.Contains("\"model.layers.N\"", StringComparison.Ordinal));
    }

    [Fact]
    public void Lists_with_a_value_for_each_layer_follow_the_layers_and_their_models()
    {
        _models.Add("a", "{\"num_hidden_layers\": 4, \"layer_types\": [\n    \"full\",\n    \"a1\",\n    \"a2\",\n    \"a3\"\n  ], \"eos_token_id\": [1, 2, 3, 4], \"no_rope_layers\": [1,1,1,0]}")
            .Add("b", """{"layer_types": ["b0", "b1", "b2", "b3"]}""");
        JsonObject config = Parse(_models.Config(Slices(("a", 0, 2), ("b", 1, 3), ("a", 3, 4))));
        Assert.Equal("""["full","a1","b1","b2","a3"]""", config["layer_types"]!.ToJsonString());
        Assert.Equal("[1,1,1,1,0]", config["no_rope_layers"]!.ToJsonString());
        Assert.Equal("[1,2,3,4]", config["eos_token_id"]!.ToJsonString());
        Assert.Equal(5, (int)config["num_hidden_layers"]!);
        Assert.Contains("[\n    \"full\",\n    \"a1\",\n    \"b1\",", _models.Config(Slices(("a", 0, 2), ("b", 1, 3), ("a", 3, 4))), StringComparison.Ordinal);
        // The same number of layers in another order is another list.
        Assert.Equal("""["a2","a3","full","a1"]""", Parse(_models.Config(Slices(("a", 2, 4), ("a", 0, 2))))["layer_types"]!.ToJsonString());
    }

    [Fact]
    public void Cut_embeddings_change_the_size_of_the_vocabulary()
    {
        _models.Add("a", """{"vocab_size": 10, "vision_config": {"vocab_size": 10}, "text_config": {"vocab_size": 10}}""")
            .Add("b", null, tensors: [.. ModelFiles.Llama.Select(t => t.Shape[0] == 10 ? (t.Name, [8, 4]) : t)]);
        Assert.Equal("""{"vocab_size": 8, "vision_config": {"vocab_size": 10}, "text_config": {"vocab_size": 8}}""",
            ModelFiles.Text(_models.Plan(change: o => o with { UnsafeTruncateEmbeddings = true }), "config.json"));
    }

    [Theory]
    [InlineData("""{"tie_word_embeddings": true}""", false, "", """{"tie_word_embeddings": false}""")]
    [InlineData("""{"a": 1}""", false, "", """{"tie_word_embeddings": false,"a": 1}""")]
    [InlineData("""{"tie_word_embeddings": true}""", true, "", """{"tie_word_embeddings": true}""")]
    [InlineData("""{"tie_word_embeddings": true}""", true, """{"tie_word_embeddings": false}""", """{"tie_word_embeddings": false}""")]
    [InlineData("""{"tie_word_embeddings": false}""", true, "", """{"tie_word_embeddings": false}""")]
    public void A_head_that_is_not_the_embeddings_is_not_called_tied(string config, bool donorHasHead, string other, string expected)
    {
        _models.Add("a", config, tensors: [.. ModelFiles.Llama.Where(t => donorHasHead || t.Name != "lm_head.weight")]).Add("b", other.Length == 0 ? null : other);
        Assert.Equal(expected, _models.Config());
    }

    [Fact]
    public void Ids_of_tokens_become_those_of_the_new_vocabulary_in_the_config_and_in_the_settings_of_generation()
    {
        _models.Add("a", """{"vocab_size": 10, "bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": null, "image_token_index": -200, "text_config": {"bos_token_id": 1}, "sep_token_id": 9}""").Add("b")
            .Put("models/a/generation_config.json", """{"temperature": 0.6, "eos_token_id": 2, "suppress_tokens": [1, 9, 2], "forced_decoder_ids": [[1, 3], [2, 9]], "lang_to_id": {"<|de|>": 3}}""");
        var vocabulary = new OutputVocabulary(12, new Dictionary<string, ReadOnlyMemory<byte>> { ["tokenizer.json"] = "{}"u8.ToArray() }, new Dictionary<int, int> { [1] = 5, [2] = 2, [3] = 7 });
        CompanionFiles files = _models.Plan(vocabulary: vocabulary);
        Assert.Equal("""{"vocab_size": 12, "bos_token_id": 5, "eos_token_id": [2, 7], "pad_token_id": null, "image_token_index": -200, "text_config": {"bos_token_id": 5}, "sep_token_id": null}""", ModelFiles.Text(files, "config.json"));
        Assert.Equal("""{"temperature": 0.6, "eos_token_id": 2, "suppress_tokens": [5, 2], "forced_decoder_ids": [[1, 7]], "lang_to_id": {"<|de|>": 7}}""", ModelFiles.Text(files, "generation_config.json"));
        Assert.Contains(files.Notes, n => n.Contains("sep_token_id names the token \"9\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "is no valid JSON near its line 1")]
    [InlineData("[]", "holds no JSON object")]
    [InlineData("{\n\"a\": }", "is no valid JSON near its line 2")]
    [InlineData("{} {}", "is no valid JSON")]
    [InlineData("{\"a\": 1,}", "is no valid JSON")]
    [InlineData("{\"a\": \"", "is no valid JSON")]
    public void A_config_that_cannot_be_read_is_one_sentence(string config, string mention)
    {
        _models.Add("a", config).Add("b");
        string message = Assert.Throws<SafetensorsException>(() => _models.Plan()).Message;
        Assert.Contains("config.json: ", message, StringComparison.Ordinal);
        Assert.Contains(mention, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_config_nested_without_end_is_refused()
    {
        _models.Add("a", string.Concat(Enumerable.Repeat("{\"text_config\":", 100_000))).Add("b");
        Assert.Contains("is no valid JSON", Assert.Throws<SafetensorsException>(() => _models.Plan()).Message, StringComparison.Ordinal);
    }
}
