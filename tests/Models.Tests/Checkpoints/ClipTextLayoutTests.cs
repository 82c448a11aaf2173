using System.Text.Json.Nodes;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Checkpoints;

/// <summary>The layouts and configs in which a CLIP's text tower is stored, whole CLIPs, and what is refused with one sentence.</summary>
public sealed class ClipTextLayoutTests
{
    private const double Bound = 3e-6;

    private const string OpenClipConfig = """
        {"model_cfg": {"embed_dim": 32, "quick_gelu": true, "text_cfg": {"context_length": 24, "vocab_size": 300, "width": 48, "heads": 4, "layers": 2, "pool_type": "eos", "eos_id": 297}}}
        """;

    /// <summary>Tensors and parameters of openai/clip-vit-base-patch32's text tower with its projection: 49408·512 + 77·512 + 12 blocks + 2·512 + 512².</summary>
    [Theory]
    [InlineData(TextFamily.Clip, 2 + (12 * 16) + 2 + 1)]
    [InlineData(TextFamily.OpenClip, 2 + (12 * 12) + 2 + 1)]
    public void Layouts_have_the_published_numbers_of_tensors_and_parameters(TextFamily family, int tensors)
    {
        ParameterLayout layout = TextTransformer.LayoutOf(new TextTransformerConfig
        {
            Family = family,
            Vocabulary = 49408,
            Positions = 77,
            TokenTypes = 0,
            PadId = null,
            Width = 512,
            Layers = 12,
            Heads = 8,
            MlpWidth = 2048,
            Pooling = TextPooling.EndOfText,
            ProjectionWidth = 512,
        });
        Assert.Equal(tensors, layout.Parameters.Count);
        Assert.Equal(63_428_096, layout.ParameterCount);
    }

    [Theory]
    [InlineData("model.safetensors", "")]
    [InlineData("model.safetensors", "text_model.")]
    [InlineData("model-openclip.safetensors", "")]
    [InlineData("model-openclip.safetensors", "text.")]
    [InlineData("model-openclip.safetensors", "module.")]
    [InlineData("model-openclip.safetensors", "module.text.")]
    public void Prefixes_may_be_any_and_another_tower_is_left_alone(string file, string prefix)
    {
        using var model = new EditedModel("clip-text", file);
        string Renamed(string name) => file == "model.safetensors"
            ? name.Replace("text_model.", prefix, StringComparison.Ordinal)
            : prefix + name;
        model.Rename(Renamed);
        if (file != "model.safetensors") model.Add($"{(prefix.StartsWith("module.", StringComparison.Ordinal) ? "module." : "")}visual.proj", [4, 4]);
        else if (prefix.Length > 0) model.Add("vision_model.post_layernorm.weight", [4]).Add("visual_projection.weight", [4, 4]);
        using Device device = Device.Open("cpu", 1);
        using TextTransformer encoder = AssertValues(device, model.Write(), preferTexts: true);
        Assert.Null(encoder.LogitScale);
        // Another file of the same architecture is read under its own names.
        using var same = encoder.ReadParameters(FixtureFiles.PathOf($"clip-text/{file}"));
        Assert.Equal(VisionCase.Download(encoder.Parameters.Values), VisionCase.Download(same.Values));
    }

    [Fact]
    public void Open_clips_own_config_says_the_same()
    {
        using var model = new EditedModel("clip-text", "model-openclip.safetensors");
        string path = model.Add("logit_scale", [], [4.5f]).WithoutConfig().Write();
        File.WriteAllText(Path.Combine(path, "open_clip_config.json"), OpenClipConfig);
        using Device device = Device.Open("cpu", 1);
        using (TextTransformer encoder = AssertValues(device, path)) Assert.Equal(4.5f, encoder.LogitScale);
        JsonObject config = JsonNode.Parse(OpenClipConfig)!.AsObject();
        config["model_cfg"]!["text_cfg"]!["pool_type"] = "argmax";
        File.WriteAllText(Path.Combine(path, "open_clip_config.json"), config.ToJsonString());
        using var legacy = TextTransformer.Load(device, path);
        Assert.Null(legacy.Config.EndId);
        Assert.Equal(Activation.GeluQuick, legacy.Config.Activation);
    }

    [Fact]
    public void A_whole_clip_gives_either_tower_and_both_projections_have_one_width()
    {
        using Device device = Device.Open("cpu", 1);
        string path = FixtureFiles.PathOf("vit-clip/clip-model.safetensors"), config = FixtureFiles.PathOf("vit-clip/clip-model-config.json");
        using Encoder images = Encoder.Open(device, path, config), texts = Encoder.Open(device, path, config, preferTexts: true);
        Assert.IsType<VisionTransformer>(images);
        TextTransformer tower = Assert.IsType<TextTransformer>(texts);
        Assert.Equal(images.FeatureWidth, texts.FeatureWidth);
        Assert.Equal(4.6052f, tower.LogitScale!.Value, 1e-4f);
        Assert.Equal(49, tower.Config.EndId);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model-openclip.safetensors")]
    public void An_unchanged_model_is_saved_byte_for_byte(string file)
    {
        using var model = new EditedModel("clip-text", file);
        using Device device = Device.Open("cpu", 1);
        using TextTransformer encoder = AssertValues(device, model.Write());
        string target = model.Target("again");
        encoder.Save(target, encoder.Parameters);
        Assert.Equal(File.ReadAllBytes(model.WeightsFile), File.ReadAllBytes(Path.Combine(target, "model.safetensors")));
        using TextTransformer again = AssertValues(device, target);
        Assert.Equal(encoder.Config, again.Config);
    }

    [Fact]
    public void An_encoder_that_was_made_here_is_found_again()
    {
        int seed = Enumerable.Range(TextModel.FirstClip, 20).First(s =>
        {
            using var candidate = new TextModel("cpu", s, 1);
            return candidate.Encoder.Config is { Family: TextFamily.Clip, ProjectionWidth: > 0, EndId: null };
        });
        using var directory = new TemporaryDirectory();
        using var model = new TextModel("cpu", seed, 4);
        model.Encoder.Save(directory.File("new"), model.Encoder.Parameters);
        using var again = TextTransformer.Load(model.Device, directory.File("new"));
        Assert.Equal(model.Encoder.Config, again.Config);
        Assert.Equal(VisionCase.Download(model.Encoder.Parameters.Values), VisionCase.Download(again.Parameters.Values));
    }

    [Theory]
    [InlineData("model_type", "siglip_text_model", "\"model_type\" is \"siglip_text_model\", expected clip or clip_text_model")]
    [InlineData("hidden_act", "relu", "\"hidden_act\" is \"relu\", expected gelu")]
    [InlineData("vocab_size", 299, "\"vocab_size\" is 299, but tensor \"text_model.embeddings.token_embedding.weight\" has 300")]
    [InlineData("max_position_embeddings", 77, "\"max_position_embeddings\" is 77, but tensor")]
    [InlineData("num_hidden_layers", 3, "\"num_hidden_layers\" is 3, but the tensors \"text_model.encoder.layers.…\" are of 2 blocks")]
    [InlineData("projection_dim", 48, "\"projection_dim\" is 48, but tensor \"text_projection.weight\" has 32")]
    [InlineData("num_attention_heads", 7, "a width of 48 cannot be divided among 7 heads")]
    [InlineData("eos_token_id", 300, "the end token's id is 300, expected one of the 300 tokens")]
    [InlineData("eos_token_id", null, "\"eos_token_id\" is missing, expected the end token's id among the 300 tokens")]
    public void A_config_that_does_not_fit_gets_one_sentence(string key, object? value, string sentence)
    {
        using var model = new EditedModel("clip-text");
        model.Config[key] = value is null ? null : JsonValue.Create(value);
        AssertRefused(model.Write(), sentence);
    }

    [Theory]
    [InlineData("no_causal_mask", true, "\"model_cfg.text_cfg.no_causal_mask\" is true, expected false")]
    [InlineData("pool_type", "last", "\"model_cfg.text_cfg.pool_type\" is \"last\", expected argmax or eos")]
    [InlineData("eos_id", null, "eos_id\" is missing, expected the end token's id")]
    [InlineData("mlp_ratio", 3, "\"model_cfg.text_cfg.mlp_ratio\" is 3, which makes 144")]
    [InlineData("hf_model_name", "roberta-base", "expected a text tower of open_clip's own")]
    [InlineData("context_length", 77, "\"model_cfg.text_cfg.context_length\" is 77, but tensor \"positional_embedding\" has 24")]
    public void A_config_of_open_clip_that_does_not_fit_gets_one_sentence(string key, object? value, string sentence)
    {
        using var model = new EditedModel("clip-text", "model-openclip.safetensors");
        string path = model.WithoutConfig().Write();
        JsonObject config = JsonNode.Parse(OpenClipConfig)!.AsObject();
        config["model_cfg"]!["text_cfg"]![key] = value is null ? null : JsonValue.Create(value);
        File.WriteAllText(Path.Combine(path, "open_clip_config.json"), config.ToJsonString());
        AssertRefused(path, sentence);
    }

    [Fact]
    public void Tensors_that_are_missing_or_too_many_get_one_sentence()
    {
        using (var model = new EditedModel("clip-text")) AssertRefused(model.Drop("text_model.final_layer_norm.bias").Write(), "tensor \"text_model.final_layer_norm.bias\" [48] is missing");
        using (var model = new EditedModel("clip-text")) AssertRefused(model.Add("text_model.head.weight", [48, 48]).Write(), "text_model.head.weight\" belongs to something");
        using (var model = new EditedModel("clip-text", "model-openclip.safetensors")) AssertRefused(model.Add("cls_emb", [48]).Write(), "\"cls_emb\" belongs to something");
        using (var model = new EditedModel("clip-text")) AssertRefused(model.Add("logit_scale", [2]).Write(), "\"logit_scale\" is [2], expected a scalar");
    }

    [Fact]
    public void Weights_of_another_family_get_one_sentence()
    {
        using Device device = Device.Open("cpu", 1);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf("clip-text"));
        Assert.Contains("expected Clip", Assert.Throws<ModelException>(() => encoder.ReadParameters(FixtureFiles.PathOf("bert-model"))).Message, StringComparison.Ordinal);
        Assert.Contains("EndOfText", Assert.Throws<ModelException>(() => TextTransformer.Load(device, FixtureFiles.PathOf("clip-text"), pooling: TextPooling.Mean)).Message, StringComparison.Ordinal);
    }

    private static TextTransformer AssertValues(Device device, string path, bool preferTexts = false)
    {
        var encoder = (TextTransformer)Encoder.Open(device, path, preferTexts: preferTexts);
        using var expected = new TextCase(FixtureFiles.PathOf("clip-text/case.safetensors"));
        using TextBatch batch = expected.Batch(encoder);
        expected.Values.AssertClose("text_embeds", VisionCase.Download(encoder.Forward(encoder.Parameters, batch, keepForBackward: false)), Bound);
        return encoder;
    }

    private static void AssertRefused(string path, string sentence)
    {
        using Device device = Device.Open("cpu", 1);
        string message = Assert.Throws<ModelException>(() => TextTransformer.Load(device, path).Dispose()).Message;
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
        Assert.Equal(0, device.AllocatedBytes);
    }
}
