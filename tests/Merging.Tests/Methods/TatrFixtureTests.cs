using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Methods;

/// <summary>Every coordinate of tests/Fixtures/tatr: sensitivities, masks and merged models, computed by others in float64.</summary>
public sealed class TatrFixtureTests
{
    /// <summary>u: the largest relative error of one float32 rounding.</summary>
    private const double Rounding = 1.0 / (1 << 24);

    private const double DoubleRounding = 1.0 / (1L << 53);

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory, MemberData(nameof(Devices))]
    public void Task_vectors_have_the_fixtures_bits(string device)
    {
        using var fixture = new TatrFixture(device);
        for (int k = 0; k < TatrFixture.Tasks; k++)
            Assert.Equal(fixture.Case.ReadFloat32($"tau_flat.{k}"), TatrFixture.Flat(fixture.TaskVectors.Vectors[k]));
    }

    [Theory, MemberData(nameof(Devices))]
    public void Sensitivities_agree_to_float64_round_off(string device)
    {
        using var fixture = new TatrFixture(device);
        double[] absolute = fixture.AbsoluteSum();
        double[] gradients = new double[absolute.Length];
        foreach (ParameterVector gradient in fixture.Gradients)
        {
            float[] flat = TatrFixture.Flat(gradient);
            for (int i = 0; i < flat.Length; i++) gradients[i] += flat[i];
        }

        // G − ḡ_k cancels where one gradient dominates, so the error scales with Σ|τ|·G, not with Ω. Both sides take about ten roundings.
        Compare(Omega(fixture, fixture.Gradients), fixture.Case.ReadFloat64("omega_flat"), i => 16 * DoubleRounding * absolute[i] * gradients[i], absolute);

        // The fixture's (Σ|τ|)² − Σ τ² cancels where one task dominates; the engine adds up pairs.
        Compare(Omega(fixture, []), fixture.Case.ReadFloat64("omega_zs_flat"), i => 16 * DoubleRounding * absolute[i] * absolute[i], absolute);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Masks_are_exact(string device)
    {
        using var fixture = new TatrFixture(device);
        foreach (int rho in new[] { 99, 90, 50 })
        {
            foreach (bool zeroShot in new[] { false, true })
            {
                using var mask = TrustRegionMask.Compute(new TrustRegion(rho / 100.0, zeroShot), fixture.TaskVectors, zeroShot ? null : fixture.Gradients);
                int[] expected = fixture.Case.ReadInt32($"{(zeroShot ? "mask_zs" : "mask")}.rho{rho}");
                Assert.Equal(expected, fixture.Flat(mask.Kept).Select(b => (int)b));
                Assert.Equal(14104, mask.Live);
                Assert.Equal(expected.Count(m => m == 0), mask.Dropped);
            }
        }
    }

    [Theory, MemberData(nameof(Devices))]
    public void Tatr_merges_agree_to_the_rounding_of_a_float32_sum(string device)
    {
        using var fixture = new TatrFixture(device);
        foreach (int rho in new[] { 99, 90, 50 })
            CheckSum(fixture, new Tatr(new TrustRegion(rho / 100.0), 0.3), $"merged.rho{rho}", 0.3);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Task_arithmetic_and_averaging_agree_to_the_rounding_of_a_float32_sum(string device)
    {
        using var fixture = new TatrFixture(device);
        CheckSum(fixture, new TaskArithmetic(0.3), "task_arithmetic", 0.3);
        CheckSum(fixture, new WeightAveraging(), "average", 0.25);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Ties_agrees_to_two_float32_roundings(string device)
    {
        using var fixture = new TatrFixture(device);
        CheckTies(fixture, new Ties(0.2, 1), "ties.lambda1");
    }

    [Theory, MemberData(nameof(Devices))]
    public void Ties_in_a_trust_region_agrees_to_two_float32_roundings(string device)
    {
        using var fixture = new TatrFixture(device);
        CheckTies(fixture, new InTrustRegion(new TrustRegion(0.99), new Ties(0.2, 1)), "tatr_ties");
    }

    /// <summary>K fused multiply-adds and one rounding of λ or of τ: (K + 1)·u of |θ_0| + λΣ|τ|.</summary>
    private static void CheckSum(TatrFixture fixture, MergeMethod method, string expected, double lambda)
    {
        using ParameterVector merged = fixture.TaskVectors.Merge(method, fixture.Gradients);
        float[] origin = TatrFixture.Flat(fixture.Base);
        double[] absolute = fixture.AbsoluteSum();
        Compare(
            [.. TatrFixture.Flat(merged).Select(v => (double)v)],
            fixture.Case.ReadFloat64(expected),
            i => (TatrFixture.Tasks + 1) * Rounding * (Math.Abs(origin[i]) + (lambda * absolute[i])),
            absolute);
    }

    /// <summary>The mean is rounded once, the sum with the base once.</summary>
    private static void CheckTies(TatrFixture fixture, MergeMethod method, string expected)
    {
        using ParameterVector merged = fixture.TaskVectors.Merge(method, fixture.Gradients);
        float[] origin = TatrFixture.Flat(fixture.Base);
        double[] values = fixture.Case.ReadFloat64(expected);
        Compare(
            [.. TatrFixture.Flat(merged).Select(v => (double)v)],
            values,
            i => 1.01 * Rounding * (Math.Abs(values[i]) + Math.Abs(values[i] - origin[i])),
            fixture.AbsoluteSum());
    }

    private static double[] Omega(TatrFixture fixture, IReadOnlyList<ParameterVector> gradients)
    {
        using DeviceBuffer keys = fixture.Device.Allocate<double>(fixture.Layout.Length);
        fixture.Device.Operations.CrossMagnitude(
            keys.AsSpan<double>(), [.. gradients.Select(g => g.Values)], [.. fixture.TaskVectors.Vectors.Select(v => v.Values)]);
        return fixture.Flat(keys.AsSpan<double>());
    }

    /// <summary>Element by element; dead coordinates must be exact (their key says so instead of 0).</summary>
    private static void Compare(double[] actual, double[] expected, Func<int, double> bound, double[] absolute)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            double error = absolute[i] == 0 && actual[i] == -1 ? expected[i] : Math.Abs(actual[i] - expected[i]);
            Assert.True(error <= bound(i), $"Element {i} is {actual[i]:R}, expected {expected[i]:R} within {bound(i):E2}.");
        }
    }
}
