using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Analysis;

public sealed class AnalysisTests
{
    /// <summary>Sums of 14648 products in float64: the order of the terms may cost n·2^-53 = 2e-12 at worst, in practice 1e-15.</summary>
    private const double SumError = 2e-12;

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory, MemberData(nameof(Devices))]
    public void Norms_cosines_and_signs_are_the_fixtures(string device)
    {
        using var fixture = new TatrFixture(device);
        double[] norms = fixture.Case.ReadFloat64("tau_norm");
        double[] actual = VectorGeometry.Norms(fixture.TaskVectors);
        for (int k = 0; k < norms.Length; k++) Assert.Equal(1, actual[k] / norms[k], SumError);
        AssertMatrix(fixture.Case.ReadFloat64("tau_cosine"), VectorGeometry.Cosines(fixture.TaskVectors), SumError);
        AssertMatrix(fixture.Case.ReadFloat64("sign_agreement"), VectorGeometry.SignAgreement(fixture.TaskVectors), 1e-15);
        Assert.Equal(fixture.Case.ReadFloat64("sign_agreement_all")[0], VectorGeometry.OverallSignAgreement(fixture.TaskVectors), 1e-15);
        Assert.Equal("base", VectorGeometry.Cosines(fixture.TaskVectors).BaseName);
    }

    [Fact]
    public void Mask_statistics_by_layer_add_up_to_the_fixtures_mask()
    {
        using var fixture = new TatrFixture("cpu");
        using var mask = TrustRegionMask.Compute(new TrustRegion(0.9), fixture.TaskVectors, fixture.Gradients);
        MaskStatistics statistics = MaskStatistics.Of(mask, fixture.TaskVectors);
        int[] expected = fixture.Case.ReadInt32("mask.rho90");
        double[] absolute = fixture.AbsoluteSum();
        Assert.Equal([0, 1, null], statistics.Layers.Select(l => l.Layer));

        // The README's flat layout: layer 0 is [2176, 8380), layer 1 [8380, 14584).
        foreach ((int index, int first, int end) in new[] { (0, 2176, 8380), (1, 8380, 14584) })
        {
            LayerMaskStatistics layer = statistics.Layers[index];
            Assert.Equal(end - first, layer.Parameters);
            Assert.Equal(absolute[first..end].Count(a => a != 0), layer.Live);
            Assert.Equal(expected[first..end].Count(m => m == 0), layer.Dropped);
        }

        Assert.Equal(new LayerMaskStatistics(null, 14648, 14104, 1410), statistics.Total);
        Assert.Equal(1410 / 14104.0, statistics.Total.DroppedShare);
    }

    [Fact]
    public void Overlap_is_the_jaccard_index_of_the_fixtures_masks()
    {
        using var fixture = new TatrFixture("cpu");
        using var first = TrustRegionMask.Compute(new TrustRegion(0.9), fixture.TaskVectors, fixture.Gradients);
        using var second = TrustRegionMask.Compute(new TrustRegion(0.9, zeroShot: true), fixture.TaskVectors);
        using var nothing = TrustRegionMask.Compute(new TrustRegion(1), fixture.TaskVectors);
        var a = Dropped(fixture.Case.ReadInt32("mask.rho90"));
        var b = Dropped(fixture.Case.ReadInt32("mask_zs.rho90"));
        Assert.Equal((double)a.Intersect(b).Count() / a.Union(b).Count(), MaskOverlap.Dropped(first, second));
        Assert.Equal(1, MaskOverlap.Dropped(first, first));
        Assert.Equal(0, MaskOverlap.Dropped(first, nothing));
        Assert.Equal(1, MaskOverlap.Dropped(nothing, nothing));

        static HashSet<int> Dropped(int[] mask) => [.. Enumerable.Range(0, mask.Length).Where(i => mask[i] == 0)];
    }

    [Fact]
    public void Layers_are_found_in_the_names_of_every_family()
    {
        Assert.Equal(3, LayerName.NumberOf("encoder.layer.3.attention.attention.key.bias"));
        Assert.Equal(11, LayerName.NumberOf("vision_model.encoder.layers.11.mlp.fc1.weight"));
        Assert.Equal(0, LayerName.NumberOf("blocks.0.attn.qkv.weight"));
        Assert.Equal(7, LayerName.NumberOf("visual.transformer.resblocks.7.ln_1.weight"));
        Assert.Equal(5, LayerName.NumberOf("transformer.h.5.attn.c_attn.weight"));
        Assert.Equal(new LayerPlace("decoder.block.", 2, ".layer.1.EncDecAttention.k.weight"), LayerName.Find("decoder.block.2.layer.1.EncDecAttention.k.weight"));
        Assert.Equal("decoder.block.7.layer.1.w", new LayerPlace("decoder.block.", 7, ".layer.1.w").Name);
        Assert.Null(LayerName.NumberOf("embeddings.layer_norm.weight"));
        Assert.Null(LayerName.NumberOf("layer.norm.weight"));
        Assert.Null(LayerName.NumberOf("layernorm.bias"));
    }

    /// <summary>
    /// For L_j(θ) = ½·‖θ − c_j‖² the conflict is known: λ⟨θ_0 + λτ_j − c_j, τ_i⟩ + ½λ²‖τ_i‖². Values are multiples of 1/64 and λ = ½, so
    /// the points are exact in float32.
    /// </summary>
    [Fact]
    public void Conflicts_of_quadratic_losses_are_what_algebra_gives()
    {
        using var models = new RandomModels(3, tasks: 3);
        ParameterVector[] targets = [.. models.Vectors.Select(_ => models.Draw(9))];
        using var moved = TaskVectors.FromModels("origin", models.Base, [.. models.Vectors.Select((v, k) => new NamedModel($"t{k}", v))]);
        TaskMatrix measured = KnowledgeConflict.Measure(moved, 0.5, (j, point) => Loss(point, targets[j]));
        ParameterVector[] gradients = [.. targets.Select(t => Difference(models.Base, t))];
        TaskMatrix linear = KnowledgeConflict.FirstOrder(moved, 0.5, gradients);
        for (int j = 0; j < 3; j++)
        {
            for (int i = 0; i < 3; i++)
            {
                double first = 0.5 * Dot(gradients[j], moved.Vectors[i]);
                double second = 0.25 * (Dot(moved.Vectors[j], moved.Vectors[i]) + (0.5 * Dot(moved.Vectors[i], moved.Vectors[i])));
                Assert.Equal(first, linear[j, i], 1e-12);
                Assert.Equal(first + second, measured[j, i], 1e-10);
            }
        }

        foreach (ParameterVector vector in targets.Concat(gradients)) vector.Dispose();
    }

    [Fact]
    public void A_coefficient_that_is_no_number_is_refused()
    {
        using var models = new RandomModels(3, tasks: 1);
        using var moved = TaskVectors.FromModels("origin", models.Base, [new NamedModel("t", models.Vectors[0])]);
        Methods.BadInputTests.Refused("A coefficient λ is NaN, expected a finite number.", () => KnowledgeConflict.Measure(moved, double.NaN, (_, _) => 0));
        Methods.BadInputTests.Refused("0 gradients were given for 1 task vectors.", () => KnowledgeConflict.FirstOrder(moved, 1, []));
    }

    private static void AssertMatrix(double[] expected, TaskMatrix actual, double tolerance)
    {
        int n = actual.Names.Count;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++) Assert.Equal(expected[(i * n) + j], actual[i, j], tolerance);
        }
    }

    private static double Loss(ParameterVector point, ParameterVector centre)
    {
        double sum = 0;
        for (int i = 0; i < point.Layout.Length; i++)
        {
            double d = point.Values.HostSpan[i] - centre.Values.HostSpan[i];
            sum += 0.5 * d * d;
        }

        return sum;
    }

    private static ParameterVector Difference(ParameterVector a, ParameterVector b)
    {
        var difference = new ParameterVector(a.Device, a.Layout);
        for (int i = 0; i < a.Layout.Length; i++) difference.Values.HostSpan[i] = a.Values.HostSpan[i] - b.Values.HostSpan[i];
        return difference;
    }

    private static double Dot(ParameterVector a, ParameterVector b)
    {
        double sum = 0;
        for (int i = 0; i < a.Layout.Length; i++) sum += (double)a.Values.HostSpan[i] * b.Values.HostSpan[i];
        return sum;
    }
}
