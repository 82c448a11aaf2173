using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Training;

/// <summary>Gradients over exemplars, from the fixture's own file as a dataset.</summary>
public sealed class GradientEstimatorTests
{
    [Theory]
    [InlineData(GradientReduction.Sum, 1)]
    [InlineData(GradientReduction.Sum, 5)]
    [InlineData(GradientReduction.Sum, 64)]
    [InlineData(GradientReduction.AbsolutePerSample, 1)]
    [InlineData(GradientReduction.AbsolutePerSample, 5)]
    [InlineData(GradientReduction.AbsolutePerSample, 64)]
    public void Batches_of_any_size_give_the_fixtures_gradient(GradientReduction reduction, int batchSize)
    {
        using Device device = Device.Open("cpu", 2);
        using VisionTransformer encoder = VisionTransformer.Load(device, FixtureFiles.PathOf("vit-hf"));
        using ClassificationHead head = encoder.CreateCheckpointHead()!;
        string path = FixtureFiles.PathOf("vit-hf/case.safetensors");
        using var expected = new VisionCase(path);
        var task = new TrainingTask("case", Dataset.Open(path), head) { Split = "input" };
        using var result = new ParameterVector(device, encoder.Layout);
        using var headResult = new ParameterVector(device, head.Parameters.Layout);
        int[] samples = GradientEstimator.DrawExemplars(12, 100, 0, "case");
        GradientEstimate estimate = GradientEstimator.Estimate(encoder, encoder.Parameters, task, samples, reduction, result, batchSize, headResult);
        Assert.Equal(12, estimate.Samples);
        Assert.Equal(expected.Doubles("loss")[0], estimate.Loss, 3e-6 * 2.7);
        string prefix = reduction == GradientReduction.Sum ? "grad." : "abs_grad.";
        foreach (Parameter parameter in encoder.Layout.Parameters)
        {
            if (!parameter.Name.EndsWith(".key.bias", StringComparison.Ordinal)) expected.AssertClose(prefix + parameter.Name, result.Download(parameter.Name), 1.5e-5);
        }

        expected.AssertClose($"{prefix}classifier.weight", headResult.Download("classifier.weight"), 1.5e-5);
    }

    [Fact]
    public void Exemplars_are_drawn_without_replacement_by_seed_and_task()
    {
        int[] first = GradientEstimator.DrawExemplars(1500, 128, 3, "mnist");
        Assert.Equal(128, first.Distinct().Count());
        Assert.True(first.SequenceEqual(first.Order()));
        Assert.InRange(first[^1], 1000, 1499);
        Assert.Equal(first, GradientEstimator.DrawExemplars(1500, 128, 3, "mnist"));
        Assert.NotEqual(first, GradientEstimator.DrawExemplars(1500, 128, 4, "mnist"));
        Assert.NotEqual(first, GradientEstimator.DrawExemplars(1500, 128, 3, "kana"));
    }
}
