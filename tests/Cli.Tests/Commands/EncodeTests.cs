using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class EncodeTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("vit-hf", 3, "logits")]
    [InlineData("vit-hf-gelu-tanh", 2, null)]
    [InlineData("vit-clip", 3, "image_embeds")]
    [InlineData("vit-openclip", 2, "image_embeds")]
    [InlineData("vit-openclip-quick", 2, "image_embeds")]
    [InlineData("vit-timm", 2, "logits")]
    [InlineData("vit-timm-gap", 2, "logits")]
    [InlineData("vit-timm-dino", 2, "logits")]
    public void Outputs_are_those_of_pytorch(string fixture, int layers, string? more)
    {
        string output = directory["out.safetensors"], input = Repository.Fixture(fixture, "case.safetensors");
        MergeEngineProcess.Run("encode", Repository.Fixture(fixture), input, output, "--hidden").Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        string[] compared = Expected.Agree(actual, reference, Expected.ForwardBound);
        string[] wanted = ["features", .. Enumerable.Range(0, layers + 1).Select(i => $"hidden.{i}"), .. more is null ? Array.Empty<string>() : [more]];
        Assert.Equal(wanted.Order(StringComparer.Ordinal), compared.Order(StringComparer.Ordinal));
        Assert.Equal(actual.Tensors.Count, compared.Length);
        Assert.All(actual.Tensors, tensor => Assert.Equal(DType.F32, tensor.DType));
    }

    /// <summary>Weights of the blocks rounded to BF16: some thousandths were seen, and nothing at all would be float32.</summary>
    [Fact]
    public void Outputs_with_BF16_weights_are_those_of_pytorch_within_the_rounding()
    {
        string output = directory["out.safetensors"], input = Repository.Fixture("vit-hf", "case.safetensors");
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), input, output, "--precision", "bf16").Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        float[] features = actual.ReadFloat32("features"), wanted = reference.ReadFloat32("features");
        Assert.InRange(features.Zip(wanted, (a, b) => Math.Abs((double)a - b)).Max() / wanted.Max(Math.Abs), 1e-4, 0.01);
    }

    [Theory]
    [InlineData("model.safetensors", "config.json")]
    [InlineData("model-noprefix.safetensors", "config.json")]
    [InlineData("clip-model.safetensors", "clip-model-config.json")]
    public void A_zero_shot_head_gives_scaled_logits_of_normalised_embeddings(string model, string config)
    {
        string output = directory["out.safetensors"], input = Repository.Fixture("vit-clip", "case.safetensors");
        MergeEngineProcess.Run(
            "encode", Repository.Fixture("vit-clip", model), input, output, "--head", Head("vit-clip"), "--config", Repository.Fixture("vit-clip", config)).Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        Assert.Equal(["features", "image_embeds", "logits"], Expected.Agree(actual, reference, Expected.ForwardBound).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_same_bits_come_out_of_any_number_of_threads() =>
        Assert.All(new[] { "2", "3", "4" }, threads => Assert.Equal(Encode("--threads", "1"), Encode("--threads", threads)));

    [Theory]
    [InlineData("1")]
    [InlineData("5")]
    public void Batches_of_any_size_agree_with_pytorch(string size)
    {
        Encode("--batch-size", size);
        using SafetensorsFile actual = SafetensorsFile.Open(directory["out.safetensors"]), reference = SafetensorsFile.Open(Repository.Fixture("vit-hf", "case.safetensors"));
        Assert.Equal(6, Expected.Agree(actual, reference, Expected.ForwardBound).Length);
    }

    [Fact]
    public void Json_lists_what_was_written()
    {
        string input = Repository.Fixture("vit-timm", "case.safetensors");
        JsonElement report = MergeEngineProcess.Run("encode", Repository.Fixture("vit-timm"), input, directory["out.safetensors"], "--json").Succeeded().Json();
        Assert.Equal(7, report.GetProperty("samples").GetInt32());
        Assert.Equal(["features", "logits"], report.GetProperty("tensors").EnumerateArray().Select(t => t.GetProperty("name").GetString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Images_of_another_size_get_one_sentence_and_no_file()
    {
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), Repository.Fixture("vit-clip", "case.safetensors"), directory["out.safetensors"])
            .Refused(1, "[3, 32, 32]", "[1, 28, 28]");
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_head_of_another_width_gets_one_sentence() =>
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), Repository.Fixture("vit-hf", "case.safetensors"), directory["out.safetensors"], "--head", Head("vit-clip"))
            .Refused(1, "40", "48");

    [Fact]
    public void A_file_without_images_gets_one_sentence() =>
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), Repository.Fixture("vit-hf", "model.safetensors"), directory["out.safetensors"])
            .Refused(1, "model.safetensors", "images");

    [Fact]
    public void A_missing_output_directory_is_noticed_before_any_work() =>
        MergeEngineProcess.Run("encode", directory["no-model"], directory["no-input"], directory["none/out.safetensors"]).Refused(1, "none/out.safetensors");

    [Fact]
    public void A_model_without_config_gets_one_sentence()
    {
        File.Copy(Repository.Fixture("vit-hf", "model.safetensors"), directory["model.safetensors"]);
        MergeEngineProcess.Run("encode", directory.Path, Repository.Fixture("vit-hf", "case.safetensors"), directory["out.safetensors"]).Refused(1, "config.json");
    }

    private byte[] Encode(params string[] options)
    {
        MergeEngineProcess.Run(["encode", Repository.Fixture("vit-hf"), Repository.Fixture("vit-hf", "case.safetensors"), directory["out.safetensors"], "--hidden", .. options]).Succeeded();
        return File.ReadAllBytes(directory["out.safetensors"]);
    }

    /// <summary>The head of a CLIP case as a file of its own.</summary>
    private string Head(string fixture)
    {
        using SafetensorsFile reference = SafetensorsFile.Open(Repository.Fixture(fixture, "case.safetensors"));
        SafetensorsWriter.Write(
            directory["head.safetensors"],
            [
                TensorContent.FromFloat32("weight", reference["head.weight"].Shape, reference.ReadFloat32("head.weight")),
                TensorContent.FromFloat32("logit_scale", [], reference.ReadFloat32("logit_scale")),
            ]);
        return directory["head.safetensors"];
    }
}
