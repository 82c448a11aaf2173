using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Checkpoints;

/// <summary>Models that cannot be loaded get one sentence that names the file and the tensor or key.</summary>
public sealed class BadModelTests
{
    [Theory]
    [InlineData("num_attention_heads", "0", "\"num_attention_heads\" is 0, expected a positive whole number.")]
    [InlineData("num_attention_heads", "-3", "\"num_attention_heads\" is -3, expected a positive whole number.")]
    [InlineData("num_attention_heads", "5", "a width of 48 cannot be divided among 5 heads, expected a multiple.")]
    [InlineData("num_attention_heads", "\"three\"", "\"num_attention_heads\" is \"three\", expected a whole number.")]
    [InlineData("num_attention_heads", "3.5", "\"num_attention_heads\" is 3.5, expected a whole number.")]
    [InlineData("num_attention_heads", "1e99", "\"num_attention_heads\" is 1e99, expected a whole number.")]
    [InlineData("hidden_size", "1000000000", "\"hidden_size\" is 1000000000, but tensor \"vit.embeddings.patch_embeddings.projection.weight\" has 48.")]
    [InlineData("hidden_size", "64", "\"hidden_size\" is 64, but tensor \"vit.embeddings.patch_embeddings.projection.weight\" has 48.")]
    [InlineData("num_hidden_layers", "2147483647", "\"num_hidden_layers\" is 2147483647, but the tensors \"vit.encoder.layer.…\" are of 3 blocks.")]
    [InlineData("num_hidden_layers", "4", "\"num_hidden_layers\" is 4, but the tensors \"vit.encoder.layer.…\" are of 3 blocks.")]
    [InlineData("intermediate_size", "113", "\"intermediate_size\" is 113, but tensor \"vit.encoder.layer.0.intermediate.dense.weight\" has 112.")]
    [InlineData("num_channels", "3", "\"num_channels\" is 3, but tensor \"vit.embeddings.patch_embeddings.projection.weight\" has 1.")]
    [InlineData("patch_size", "4", "\"patch_size\" is 4, but tensor \"vit.embeddings.patch_embeddings.projection.weight\" has 7.")]
    [InlineData("image_size", "6", "\"image_size\" is 6, but a patch of 7×7 pixels is larger.")]
    [InlineData("image_size", "35", "\"image_size\" is 35, which makes 25 patches of 7 pixels and 1 more token, but tensor \"vit.embeddings.position_embeddings\" has 17 rows.")]
    [InlineData("image_size", "[2147483647, 2147483647]", "\"image_size\" is [2147483647,2147483647], which makes 94116041017090884 patches of 7 pixels")]
    [InlineData("image_size", "[28, 0]", "\"image_size\" is [28,0], expected a side in pixels, or height and width.")]
    [InlineData("hidden_act", "\"silu\"", "\"hidden_act\" is \"silu\", expected gelu, gelu_pytorch_tanh (gelu_new, gelu_fast) or quick_gelu.")]
    [InlineData("layer_norm_eps", "0", "the LayerNorm epsilon is 0, expected a number between 0 and 1.")]
    [InlineData("layer_norm_eps", "\"tiny\"", "\"layer_norm_eps\" is \"tiny\", expected a number.")]
    public void A_config_that_contradicts_itself_or_the_tensors(string key, string value, string sentence)
    {
        using var model = new EditedModel("vit-hf");
        model.Config[key] = System.Text.Json.Nodes.JsonNode.Parse(value);
        AssertRefused(model.Write(), sentence);
    }

    [Theory]
    [InlineData("bert-model", "a BERT or RoBERTa")]
    [InlineData("roberta-cls", "a BERT or RoBERTa")]
    [InlineData("clip-text", "a CLIP's text tower")]
    public void A_text_model_in_the_place_of_a_vision_transformer_is_called_what_it_is(string fixture, string description)
    {
        string path = FixtureFiles.PathOf(fixture);
        using Device device = Device.Open("cpu", 1);
        ModelException exception = Assert.Throws<ModelException>(() => VisionTransformer.Load(device, path));
        Assert.Equal($"{path}: the tensors are those of {description}, expected those of a vision transformer: a Hugging Face ViT, a CLIP tower or a timm VisionTransformer.", exception.Message);
    }

    [Theory]
    [InlineData("vit-hf", "HuggingFaceVit")]
    [InlineData("vit-timm", "Timm")]
    public void A_vision_transformer_in_the_place_of_a_text_model_is_called_what_it_is(string fixture, string family)
    {
        string path = FixtureFiles.PathOf(fixture);
        using Device device = Device.Open("cpu", 1);
        ModelException exception = Assert.Throws<ModelException>(() => TextTransformer.Load(device, path));
        Assert.Equal(
            $"{path}: the tensors are those of a vision transformer ({family}), expected those of a BERT, a RoBERTa, a sentence-transformers model made from one or a CLIP's text tower.", exception.Message);
    }

    [Fact]
    public void A_missing_config()
    {
        using var model = new EditedModel("vit-hf");
        AssertRefused(model.WithoutConfig().Write(), "there is no config.json beside the weights, expected the model's config there or named apart.");
    }

    [Theory]
    [InlineData("", "is not valid JSON at line 1")]
    [InlineData("{\n  \"a\": 1,\n  oops", "is not valid JSON at line 3")]
    [InlineData("[1, 2]", "is a JSON array, expected an object")]
    [InlineData("\0\0\0", "is not valid JSON")]
    public void A_config_that_is_no_JSON_object(string text, string sentence)
    {
        using var model = new EditedModel("vit-hf");
        string path = model.Write();
        File.WriteAllText(Path.Combine(path, "config.json"), text);
        AssertRefused(path, sentence);
    }

    [Fact]
    public void A_config_that_is_not_there_or_a_directory()
    {
        using Device device = Device.Open("cpu", 1);
        Assert.Contains("there is no such file", Message(() => VisionTransformer.Load(device, FixtureFiles.PathOf("vit-hf"), "nowhere.json")), StringComparison.Ordinal);
        Assert.Contains("is a directory", Message(() => VisionTransformer.Load(device, FixtureFiles.PathOf("vit-hf"), FixtureFiles.PathOf("vit-hf"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_not_there()
    {
        using Device device = Device.Open("cpu", 1);
        Assert.Throws<SafetensorsException>(() => VisionTransformer.Load(device, FixtureFiles.PathOf("no-such-model")));
    }

    [Fact]
    public void A_file_of_no_known_family()
    {
        AssertRefused(FixtureFiles.PathOf("adamw/training.safetensors"), "the tensors are not those of a Hugging Face ViT");
    }

    [Theory]
    [InlineData("vit-timm", "blocks.0.attn.q_norm.weight")]
    [InlineData("vit-timm", "attn_pool.latent")]
    [InlineData("vit-timm", "blocks.1.mlp.w12.weight")]
    [InlineData("vit-timm", "head_dist.weight")]
    [InlineData("vit-hf", "vit.encoder.layer.0.attention.attention.relative_bias")]
    [InlineData("vit-clip", "vision_model.encoder.layers.0.self_attn.q_norm.weight")]
    [InlineData("vit-clip", "classifier.weight")]
    [InlineData("vit-openclip", "visual.attn_pool.query")]
    [InlineData("vit-openclip", "visual.transformer.resblocks.0.attn.ln_q.weight")]
    public void Parts_that_are_not_supported_are_named(string fixture, string tensor)
    {
        using var model = new EditedModel(fixture, config: fixture == "vit-openclip" ? "open_clip_config.json" : "config.json");
        AssertRefused(model.Add(tensor, [16]).Write(), $"tensor \"{tensor}\" belongs to something that this");
    }

    [Fact]
    public void A_timm_trunk_inside_open_clip()
    {
        using var model = new EditedModel("vit-timm");
        AssertRefused(model.Rename(name => $"visual.trunk.{name}").Write(), "belongs to a timm trunk inside open_clip, which is not supported.");
    }

    [Theory]
    [InlineData("vit.layernorm.bias")]
    [InlineData("vit.encoder.layer.1.output.dense.weight")]
    [InlineData("classifier.bias")]
    public void A_tensor_that_is_missing(string tensor)
    {
        using var model = new EditedModel("vit-hf");
        AssertRefused(model.Drop(tensor).Write(), $"tensor \"{tensor}\" [");
    }

    [Fact]
    public void Tensors_of_another_shape_are_all_listed()
    {
        using var model = new EditedModel("vit-hf");
        model.Drop("vit.layernorm.bias").Add("vit.layernorm.bias", [47]).Drop("vit.encoder.layer.2.output.dense.bias").Add("vit.encoder.layer.2.output.dense.bias", [48, 1]);
        AssertRefused(
            model.Write(),
            "tensor \"vit.encoder.layer.2.output.dense.bias\" is [48, 1], expected [48]; tensor \"vit.layernorm.bias\" is [47], expected [48].");
    }

    [Fact]
    public void Dimensions_of_zero_and_of_another_rank()
    {
        const string Patches = "vit.embeddings.patch_embeddings.projection.weight";
        using var empty = new EditedModel("vit-hf");
        AssertRefused(empty.Drop(Patches).Add(Patches, [48, 0, 7, 7]).Write(), "has a dimension of 0, expected 1 to");
        using var flat = new EditedModel("vit-hf");
        AssertRefused(flat.Drop(Patches).Add(Patches, [48, 49]).Write(), "is [48, 49], expected 4 dimensions.");
        using var oblong = new EditedModel("vit-hf");
        AssertRefused(oblong.Drop(Patches).Add(Patches, [48, 1, 7, 6]).Write(), "is [48, 1, 7, 6], expected square patches.");
    }

    [Fact]
    public void A_block_number_that_the_file_cannot_have()
    {
        using var model = new EditedModel("vit-hf");
        AssertRefused(model.Add("vit.encoder.layer.2000000000.output.dense.bias", [48]).Write(), "belongs to block 2000000000, but the file has only");
    }

    /// <summary>Each channel of an image needs a table of a thousand bytes: a small file must not ask for many.</summary>
    [Fact]
    public void More_channels_than_any_image_has()
    {
        using var model = new EditedModel("vit-hf");
        const string patches = "vit.embeddings.patch_embeddings.projection.weight";
        model.Config.Remove("num_channels");
        AssertRefused(model.Drop(patches).Add(patches, [1, 1_000_000, 1, 1]).Write(), $"tensor \"{patches}\" has a dimension of 1000000, expected 1 to 4096.");
    }

    [Theory]
    [InlineData("[0]")]
    [InlineData("[1e-60]")]
    [InlineData("[-1]")]
    public void A_standard_deviation_that_is_not_positive_in_float32(string std)
    {
        using var model = new EditedModel("vit-hf");
        string path = model.Write();
        File.WriteAllText(Path.Combine(path, "preprocessor_config.json"), $$"""{"image_mean": [0.5], "image_std": {{std}}}""");
        AssertRefused(path, $"\"image_std\" is {std}, expected a positive number for each of 1 channels.");
    }

    [Fact]
    public void Normalisation_with_another_number_of_channels()
    {
        using var model = new EditedModel("vit-hf");
        string path = model.Write();
        File.WriteAllText(Path.Combine(path, "preprocessor_config.json"), """{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}""");
        AssertRefused(path, "\"image_mean\" is [0.5, 0.5, 0.5], expected one number for each of 1 channels.");
        File.WriteAllText(Path.Combine(path, "preprocessor_config.json"), """{"image_mean": [0.5], "image_std": [0]}""");
        AssertRefused(path, "\"image_std\" is [0], expected a positive number for each of 1 channels.");
    }

    [Fact]
    public void Heads_and_other_weights_that_do_not_fit()
    {
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-hf"));
        Assert.Contains("the tensors are those of a Timm model, expected HuggingFaceVit.", Message(() => encoder.ReadParameters(FixtureFiles.PathOf("vit-timm"))), StringComparison.Ordinal);
        using var directory = new TemporaryDirectory();
        string file = directory.File("head.safetensors");
        SafetensorsWriter.Write(file, [TensorContent.FromFloat32("weight", [4], new float[4])]);
        Assert.Contains("tensor \"weight\" is [4], expected [classes, width].", Message(() => ClassificationHead.FromSafetensors(device, file)), StringComparison.Ordinal);
        SafetensorsWriter.Write(file, [TensorContent.FromFloat32("weight", [4, 2], new float[8]), TensorContent.FromFloat32("bias", [3], new float[3])]);
        Assert.Contains("tensor \"bias\" is [3], expected [4].", Message(() => ClassificationHead.FromSafetensors(device, file)), StringComparison.Ordinal);
    }

    private static void AssertRefused(string path, string sentence)
    {
        using Device device = Device.Open("cpu", 1);
        string message = Message(() => VisionTransformer.Load(device, path));
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
        Assert.Equal(0, device.AllocatedBytes);
    }

    private static string Message(Func<object> load) => Assert.Throws<ModelException>(load).Message;
}
