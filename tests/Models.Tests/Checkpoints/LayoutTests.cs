using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Checkpoints;

/// <summary>Names and shapes of each family, against the published numbers of parameters and against variants of the fixtures.</summary>
public sealed class LayoutTests
{
    /// <summary>Tensors and parameters of published models, counted from their files' headers.</summary>
    public static TheoryData<string, VisionTransformerConfig, int, long> Published() => new()
    {
        { "google/vit-base-patch16-224", Vit(768, 12, 12, 16, classes: 1000), 200, 86_567_656 },
        { "google/vit-base-patch32-224", Vit(768, 12, 12, 32, classes: 1000), 200, 88_224_232 },
        { "google/vit-large-patch16-224", Vit(1024, 24, 16, 16, classes: 1000), 392, 304_326_632 },
        { "WinKawaks/vit-tiny-patch16-224", Vit(192, 12, 3, 16, classes: 1000), 200, 5_717_416 },
        { "WinKawaks/vit-small-patch16-224", Vit(384, 12, 6, 16, classes: 1000), 200, 22_050_664 },
        { "CLIPVisionModel B/32", Clip(768, 12, 12, 32), 199, 87_456_000 },
        { "CLIPVisionModel B/16", Clip(768, 12, 12, 16), 199, 85_799_424 },
        { "CLIPVisionModel L/14", Clip(1024, 24, 16, 14), 391, 303_179_776 },
        { "OpenAI visual B/32", OpenClip(768, 12, 12, 32, 512), 152, 87_849_216 },
        { "OpenAI visual L/14", OpenClip(1024, 24, 16, 14, 768), 296, 303_966_208 },
        { "timm vit_base_patch16_224", Vit(768, 12, 12, 16, classes: 1000) with { Family = VisionFamily.Timm, Prefix = "" }, 152, 86_567_656 },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void Layouts_have_the_published_numbers_of_tensors_and_parameters(string model, VisionTransformerConfig config, int tensors, long parameters)
    {
        ParameterLayout layout = VisionTransformer.LayoutOf(config);
        Assert.NotEmpty(model);
        Assert.Equal(tensors, layout.Parameters.Count + (config.Classes > 0 ? 2 : 0));
        Assert.Equal(parameters, layout.ParameterCount + ((config.Width + 1L) * config.Classes));
    }

    [Theory]
    [InlineData("module.visual.")]
    [InlineData("model.visual.")]
    [InlineData("")]
    public void OpenAI_weights_load_with_other_prefixes(string prefix)
    {
        using var model = new EditedModel("vit-openclip", config: "open_clip_config.json");
        string path = model.Rename(name => name.StartsWith("visual.", StringComparison.Ordinal) ? prefix + name["visual.".Length..] : $"{(prefix.Length == 0 ? "text_" : "")}{name}").Write();
        if (prefix.Length == 0)
        {
            // Without a prefix, a text tower cannot be told from something that the encoder would have to run.
            using Device refused = Device.Open("cpu", 1);
            Assert.Contains("not supported", Assert.Throws<ModelException>(() => VisionTransformer.Load(refused, path)).Message, StringComparison.Ordinal);
            return;
        }

        AssertSameLogits(path, "vit-openclip");
    }

    /// <summary>Tuned towers come alone and inside a whole CLIP, with and without what stands before their names; a base of any of these forms takes all of them.</summary>
    [Theory]
    [InlineData("model.safetensors", "config.json", "clip-model.safetensors")]
    [InlineData("model.safetensors", "config.json", "model-noprefix.safetensors")]
    [InlineData("clip-model.safetensors", "clip-model-config.json", "model.safetensors")]
    [InlineData("model-noprefix.safetensors", "config.json", "clip-model.safetensors")]
    public void A_tuned_tower_is_read_whatever_stands_around_it(string model, string config, string tuned)
    {
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, FixtureFiles.PathOf($"vit-clip/{model}"), FixtureFiles.PathOf($"vit-clip/{config}"));
        using ParameterVector parameters = encoder.ReadParameters(FixtureFiles.PathOf($"vit-clip/{tuned}"));
        foreach (Parameter parameter in encoder.Layout.Parameters) Assert.Equal(encoder.Parameters.Download(parameter.Name), parameters.Download(parameter.Name));
    }

    [Fact]
    public void A_tuned_tower_without_its_projection_is_read_with_that_of_the_base()
    {
        const string Projection = "visual_projection.weight", Norm = "vision_model.post_layernorm.weight";
        using var tuned = new EditedModel("vit-clip");
        string path = tuned.Drop(Projection).Drop(Norm).Add(Norm, [64]).Write();
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-clip"));
        using ParameterVector parameters = encoder.ReadParameters(path);
        Assert.Equal(encoder.Parameters.Download(Projection), parameters.Download(Projection));
        Assert.Equal(new float[64], parameters.Download(Norm));
        using var broken = new EditedModel("vit-clip");
        string message = Assert.Throws<ModelException>(() => encoder.ReadParameters(broken.Drop(Projection).Drop(Norm).Write())).Message;
        Assert.EndsWith($": tensor \"{Norm}\" [64] is missing.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Timm_weights_load_with_the_prefix_of_a_wrapper()
    {
        using var model = new EditedModel("vit-timm-dino");
        AssertSameLogits(model.Rename(name => $"module.{name}").Write(), "vit-timm-dino");
    }

    [Theory]
    [InlineData("vit-hf", "image_size", "patch_size", "num_channels", "hidden_size", "intermediate_size", "num_hidden_layers", "layer_norm_eps", "qkv_bias", "hidden_act")]
    public void Sizes_that_the_config_lacks_come_from_the_tensors(string fixture, params string[] keys)
    {
        using var model = new EditedModel(fixture);
        foreach (string key in keys) Assert.True(model.Config.Remove(key));
        AssertSameLogits(model.Write(), fixture);
    }

    [Theory]
    [InlineData("vit-timm")]
    [InlineData("vit-timm-gap")]
    [InlineData("vit-timm-dino")]
    public void A_timm_config_of_a_name_and_an_input_size_is_enough(string fixture)
    {
        using var model = new EditedModel(fixture);
        model.Config.Remove("model_args");
        // Tiny has 3 heads; the fixture with 2 has no name that says so.
        if (fixture == "vit-timm-gap") model.Config["num_heads"] = 2;
        else model.Config["architecture"] = "vit_tiny_patch16_224";
        AssertSameLogits(model.Write(), fixture);
    }

    [Fact]
    public void Registers_and_positions_are_told_apart_without_a_config_that_says_so()
    {
        using var model = new EditedModel("vit-timm-dino");
        string path = model.Write();
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, path);
        Assert.Equal(4, encoder.Config.RegisterTokens);
        Assert.False(encoder.Config.PositionsCoverPrefix);
        Assert.True(encoder.Config.LayerScale);
        Assert.Equal(21, encoder.Config.Tokens);
    }

    [Fact]
    public void A_model_without_query_key_value_biases_is_one_with_zero_biases()
    {
        foreach (string fixture in new[] { "vit-timm", "vit-hf" })
        {
            using var zeroed = new EditedModel(fixture);
            using var without = new EditedModel(fixture);
            string[] names = [.. BiasNames(fixture)];
            foreach (string name in names)
            {
                zeroed.Overwrite(name, new byte[fixture == "vit-timm" ? 4 * 144 : 4 * 48]);
                without.Drop(name);
            }

            if (fixture == "vit-hf") without.Config["qkv_bias"] = false;
            Assert.Equal(Logits(zeroed.Write()), Logits(without.Write()));
        }
    }

    [Fact]
    public void Normalisation_comes_from_each_familys_own_file()
    {
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer hf = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-hf")), clip = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-clip")),
            openClip = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-openclip")), timm = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-timm-dino"));
        Assert.Equal([0.5], hf.Config.Normalization.Mean);
        Assert.Equal([0.48145466, 0.4578275, 0.40821073], clip.Config.Normalization.Mean);
        Assert.Equal([0.26862954, 0.26130258, 0.27577711], openClip.Config.Normalization.Std);
        Assert.Equal([0.485, 0.456, 0.406], timm.Config.Normalization.Mean);
        Assert.Equal(((128 / 255f) - 0.456f) / 0.224f, timm.Config.Normalization.Table(1)[128]);
    }

    [Fact]
    public void Bytes_become_the_pixels_of_the_fixture()
    {
        // (x/255 − 0.5)/0.5 with every operation in float32, as torch computed it.
        using var data = new VisionCase(FixtureFiles.PathOf("atm/data.safetensors"));
        Assert.Equal(data.Floats("pixel_values"), PixelNormalization.Half(1).Table(0).ToArray());
    }

    private static IEnumerable<string> BiasNames(string fixture) => fixture == "vit-timm"
        ? Enumerable.Range(0, 2).Select(i => $"blocks.{i}.attn.qkv.bias")
        : Enumerable.Range(0, 3).SelectMany(i => new[] { "query", "key", "value" }.Select(part => $"vit.encoder.layer.{i}.attention.attention.{part}.bias"));

    private static void AssertSameLogits(string path, string fixture)
    {
        Assert.Equal(Logits(FixtureFiles.PathOf(fixture), fixture), Logits(path, fixture));
    }

    private static float[] Logits(string path, string? fixture = null)
    {
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, path);
        fixture ??= encoder.Config.Family == VisionFamily.Timm ? "vit-timm" : "vit-hf";
        using var expected = new VisionCase(FixtureFiles.PathOf($"{fixture}/case.safetensors"));
        using ImageBatch batch = expected.Batch(encoder);
        return VisionCase.Download(encoder.Forward(encoder.Parameters, batch, keepForBackward: false));
    }

    private static VisionTransformerConfig Vit(int width, int layers, int heads, int patch, int classes) => new()
    {
        Family = VisionFamily.HuggingFaceVit,
        Prefix = "vit.",
        Image = new ImageShape(3, 224, 224),
        PatchSize = patch,
        Width = width,
        Layers = layers,
        Heads = heads,
        MlpWidth = 4 * width,
        Classes = classes,
        Normalization = PixelNormalization.Half(3),
    };

    private static VisionTransformerConfig Clip(int width, int layers, int heads, int patch) => Vit(width, layers, heads, patch, 0) with
    {
        Family = VisionFamily.HuggingFaceClip,
        Prefix = "vision_model.",
        PatchBias = false,
        PreNorm = true,
        Activation = Activation.GeluQuick,
    };

    private static VisionTransformerConfig OpenClip(int width, int layers, int heads, int patch, int projection) =>
        Clip(width, layers, heads, patch) with { Family = VisionFamily.OpenClip, Prefix = "visual.", ProjectionWidth = projection };
}
