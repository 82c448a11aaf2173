using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Analysis;

/// <summary>Losses, conflicts and gradients of a real encoder on the exemplars of tests/Fixtures/tatr.</summary>
public sealed class ConflictFixtureTests
{
    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    /// <summary>Float32 PyTorch, which rounds the points as we do, is within 3.2e-7 of the fixture; a difference of two losses near 2.</summary>
    [Theory, MemberData(nameof(Devices))]
    public void Conflicts_are_the_fixtures_within_float32_losses(string device)
    {
        using var fixture = EncoderFixture.Exemplars(device);
        using var expected = FixtureFiles.Open("tatr/case.safetensors");
        using TaskVectors taskVectors = fixture.TaskVectors();
        double[] losses = expected.ReadFloat64("loss.base");
        for (int k = 0; k < 4; k++) Assert.Equal(losses[k], Loss(fixture, k, fixture.Encoder.Parameters), 1e-6);

        TaskMatrix conflicts = KnowledgeConflict.Measure(taskVectors, 0.3, (j, point) => Loss(fixture, j, point));
        double[] values = expected.ReadFloat64("conflict");
        for (int i = 0; i < 16; i++) Assert.Equal(values[i], conflicts[i / 4, i % 4], 1e-6);

        // Of a gradient in float32 about 1e-6 of its length is wrong, in some direction.
        ParameterVector[] gradients = [.. Enumerable.Range(0, 4).Select(k => fixture.Gradient(k, GradientReduction.Sum))];
        TaskMatrix firstOrder = KnowledgeConflict.FirstOrder(taskVectors, 0.3, gradients);
        double[] linear = expected.ReadFloat64("conflict_first_order");
        for (int i = 0; i < 16; i++)
        {
            double scale = 0.3 * VectorGeometry.Norm(gradients[i / 4]) * VectorGeometry.Norm(taskVectors.Vectors[i % 4]);
            Assert.Equal(linear[i], firstOrder[i / 4, i % 4], 1e-6 * scale);
        }

        foreach (ParameterVector gradient in gradients) gradient.Dispose();
    }

    /// <summary>From pixels to mask: gradients computed here, Ω, threshold. The margins at the thresholds are 1e-5 and more, errors below 1e-6.</summary>
    [Theory, MemberData(nameof(Devices))]
    public void Masks_from_the_engines_own_gradients_are_exact(string device)
    {
        using var fixture = EncoderFixture.Exemplars(device);
        using var expected = FixtureFiles.Open("tatr/case.safetensors");
        using TaskVectors taskVectors = fixture.TaskVectors();
        ParameterVector[] gradients = [.. Enumerable.Range(0, 4).Select(k => fixture.Gradient(k, GradientReduction.AbsolutePerSample))];
        foreach (int rho in new[] { 99, 90, 50 })
        {
            using var mask = TrustRegionMask.Compute(new TrustRegion(rho / 100.0), taskVectors, gradients);
            byte[] kept = mask.Kept.ToHost();
            int[] flat = [.. mask.Layout.Parameters.SelectMany(p => kept.AsSpan((int)p.Offset, (int)p.Length).ToArray().Select(b => (int)b))];
            Assert.Equal(expected.ReadInt32($"mask.rho{rho}"), flat);
        }

        foreach (ParameterVector gradient in gradients) gradient.Dispose();
    }

    private static double Loss(EncoderFixture fixture, int task, ParameterVector parameters) => Evaluator.Evaluate(fixture.Encoder, parameters, fixture.Tasks[task], "train").Loss;
}
