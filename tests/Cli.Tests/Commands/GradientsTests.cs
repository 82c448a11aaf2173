using System.Globalization;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class GradientsTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("vit-hf", "mean")]
    [InlineData("vit-hf", "abs-per-sample")]
    [InlineData("vit-timm", "mean")]
    [InlineData("vit-timm", "abs-per-sample")]
    [InlineData("vit-timm-gap", "abs-per-sample")]
    [InlineData("vit-timm-dino", "abs-per-sample")]
    public void Every_parameter_has_the_gradient_of_pytorch(string fixture, string reduction) =>
        Compare(fixture, reduction, []);

    [Theory]
    [InlineData("vit-clip", "mean")]
    [InlineData("vit-clip", "abs-per-sample")]
    [InlineData("vit-openclip", "mean")]
    [InlineData("vit-openclip-quick", "abs-per-sample")]
    public void A_head_from_a_file_is_a_constant(string fixture, string reduction)
    {
        using SafetensorsFile reference = SafetensorsFile.Open(Repository.Fixture(fixture, "case.safetensors"));
        SafetensorsWriter.Write(
            directory["head.safetensors"],
            [
                TensorContent.FromFloat32("weight", reference["head.weight"].Shape, reference.ReadFloat32("head.weight")),
                TensorContent.FromFloat32("logit_scale", [], reference.ReadFloat32("logit_scale")),
            ]);
        Compare(fixture, reduction, ["--head", directory["head.safetensors"]]);
    }

    [Fact]
    public void The_exemplars_of_a_dataset_are_drawn_by_seed()
    {
        string data = Dataset();
        byte[] Gradient(string seed)
        {
            MergeEngineProcess.Run(
                "gradients", Repository.Fixture("vit-hf"), data, directory["g.safetensors"], "--reduction", "abs-per-sample", "--split", "train", "--samples", "4", "--seed", seed).Succeeded();
            using SafetensorsFile file = SafetensorsFile.Open(directory["g.safetensors"]);
            Assert.Equal("4", file.Metadata["samples"]);
            return file.GetSpan("vit.layernorm.weight").ToArray();
        }

        Assert.Equal(Gradient("1"), Gradient("1"));
        Assert.NotEqual(Gradient("1"), Gradient("2"));
    }

    [Fact]
    public void The_reduction_must_be_named() =>
        MergeEngineProcess.Run("gradients", Repository.Fixture("vit-hf"), "x", directory["g.safetensors"]).Refused(2, "--reduction");

    [Fact]
    public void An_unknown_reduction_is_a_usage_error() =>
        MergeEngineProcess.Run("gradients", Repository.Fixture("vit-hf"), "x", directory["g.safetensors"], "--reduction", "median").Refused(2, "median");

    [Fact]
    public void A_model_without_a_head_needs_one() =>
        MergeEngineProcess.Run("gradients", Repository.Fixture("vit-clip"), Repository.Fixture("vit-clip", "case.safetensors"), directory["g.safetensors"], "--reduction", "mean")
            .Refused(2, "--head");

    [Fact]
    public void An_unknown_split_gets_one_sentence_with_those_that_are_there() =>
        MergeEngineProcess.Run("gradients", Repository.Fixture("vit-hf"), Dataset(), directory["g.safetensors"], "--reduction", "mean", "--split", "dev").Refused(2, "dev", "train");

    private void Compare(string fixture, string reduction, string[] more)
    {
        string output = directory["gradients.safetensors"], input = Repository.Fixture(fixture, "case.safetensors");
        string prefix = reduction == "mean" ? "grad." : "abs_grad.";
        MergeEngineProcess.Run(["gradients", Repository.Fixture(fixture), input, output, "--reduction", reduction, .. more]).Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        string[] compared = Expected.Agree(actual, reference, Expected.GradientBound, prefix);
        string[] wanted = [.. reference.Tensors.Select(t => t.Name).Where(n => n.StartsWith(prefix, StringComparison.Ordinal) && n != "grad.images").Select(n => n[prefix.Length..])];
        Assert.Equal(wanted.Order(StringComparer.Ordinal), actual.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.Equal(wanted.Length, compared.Length);
        Assert.Equal(reduction, actual.Metadata["reduction"]);
        Assert.Equal(reference["labels"].ElementCount.ToString(CultureInfo.InvariantCulture), actual.Metadata["samples"]);
        double loss = reference.ReadFloat32("loss")[0];
        Assert.Equal(loss, double.Parse(actual.Metadata["loss"], CultureInfo.InvariantCulture), Expected.ForwardBound * loss);
    }

    /// <summary>The images of a case as the training split of a dataset.</summary>
    private string Dataset()
    {
        using SafetensorsFile reference = SafetensorsFile.Open(Repository.Fixture("vit-hf", "case.safetensors"));
        SafetensorsWriter.Write(
            directory["data.safetensors"],
            [
                TensorContent.FromFloat32("train.images", reference["images"].Shape, reference.ReadFloat32("images")),
                TensorContent.FromInt32("train.labels", reference["labels"].Shape, reference.ReadInt32("labels")),
            ]);
        return directory["data.safetensors"];
    }
}
