using MergeEngine.Models.Datasets.Images;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;

namespace MergeEngine.Models.Tests.Checkpoints;

/// <summary>How a model wants its images, as the files of the three libraries say it.</summary>
public sealed class ImagePreparationTests
{
    [Theory]
    [InlineData("vit-clip", null, "shortest 32, Bicubic, crop (32, 32), down")]
    [InlineData("vit-clip", """{"size": 40, "crop_size": 32, "feature_extractor_type": "CLIPFeatureExtractor"}""", "shortest 40, Bicubic, crop (32, 32), down")]
    [InlineData("vit-clip", """{"size": {"shortest_edge": 32}, "do_center_crop": false, "resample": 2}""", "shortest 32, Bilinear, no crop, down")]
    [InlineData("vit-clip", """{"do_resize": false}""", "none, Bicubic, crop (32, 32), down")]
    [InlineData("vit-hf", null, "exact 28 × 28, Bilinear, no crop, down")]
    [InlineData("vit-hf", """{"size": 28, "resample": 3}""", "exact 28 × 28, Bicubic, no crop, down")]
    [InlineData("vit-hf", """{"size": {"height": 32, "width": 30}, "do_center_crop": true, "crop_size": {"height": 28, "width": 28}}""", "exact 32 × 30, Bilinear, crop (28, 28), down")]
    public void Preprocessor_configs_of_transformers(string fixture, string? preprocessor, string expected)
    {
        using var model = new EditedModel(fixture);
        string path = model.Write();
        if (preprocessor is not null) File.WriteAllText(Path.Combine(path, "preprocessor_config.json"), preprocessor);
        Assert.Equal(expected, Describe(Load(path)));
    }

    [Theory]
    [InlineData("{}", "shortest 24, Bicubic, crop (24, 24), even")]
    [InlineData("""{"interpolation": "bilinear", "resize_mode": "shortest"}""", "shortest 24, Bilinear, crop (24, 24), even")]
    [InlineData("""{"resize_mode": "squash"}""", "exact 24 × 24, Bicubic, crop (24, 24), even")]
    public void Configs_of_open_clip(string config, string expected)
    {
        using var model = new EditedModel("vit-openclip", config: "open_clip_config.json");
        model.Config["preprocess_cfg"] = System.Text.Json.Nodes.JsonNode.Parse(config);
        Assert.Equal(expected, Describe(Load(model.Write())));
    }

    [Theory]
    [InlineData("""{"crop_pct": 0.9, "interpolation": "bicubic"}""", "shortest 31, Bicubic, crop (28, 28), even")]
    [InlineData("""{"crop_pct": 1.0, "interpolation": "lanczos", "crop_mode": "squash"}""", "exact 28 × 28, Lanczos, crop (28, 28), even")]
    [InlineData("{}", "shortest 32, Bicubic, crop (28, 28), even")]
    public void Configs_of_timm(string config, string expected)
    {
        using var model = new EditedModel("vit-timm");
        model.Config["pretrained_cfg"] = System.Text.Json.Nodes.JsonNode.Parse(config);
        Assert.Equal(expected, Describe(Load(model.Write())));
    }

    [Theory]
    [InlineData("vit-clip", """{"resample": 9}""", "\"resample\" is 9, expected one of Pillow's filters, 0 to 5.")]
    [InlineData("vit-clip", """{"size": {"longest_edge": 9}}""", "expected shortest_edge, or height and width.")]
    [InlineData("vit-clip", """{"crop_size": {"width": 9}}""", "expected height and width.")]
    [InlineData("vit-timm", """{"crop_pct": 0}""", "crop_pct\" is 0, expected a number above 0 and at most 1.")]
    [InlineData("vit-timm", """{"crop_mode": "border"}""", "crop_mode\" is \"border\", expected center or squash.")]
    [InlineData("vit-timm", """{"interpolation": "cubic"}""", "interpolation\" is \"cubic\", expected nearest, bilinear, bicubic, lanczos, box or hamming.")]
    public void What_is_not_known_is_named(string fixture, string config, string sentence)
    {
        using var model = new EditedModel(fixture);
        if (fixture == "vit-timm") model.Config["pretrained_cfg"] = System.Text.Json.Nodes.JsonNode.Parse(config);
        string path = model.Write();
        if (fixture != "vit-timm") File.WriteAllText(Path.Combine(path, "preprocessor_config.json"), config);
        Assert.Contains(sentence, Assert.Throws<ModelException>(() => Load(path)).Message, StringComparison.Ordinal);
    }

    private static ImagePreparation Load(string path)
    {
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, path);
        return encoder.Config.Preparation;
    }

    private static string Describe(ImagePreparation p)
    {
        string rule = p.Rule switch { ResizeRule.None => "none", ResizeRule.Exact => $"exact {p.Height} × {p.Width}", _ => $"shortest {p.Height}" };
        return $"{rule}, {p.Filter}, {(p.Crop is { } crop ? $"crop {crop}" : "no crop")}, {(p.RoundsToEven ? "even" : "down")}";
    }
}
