using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Recipes;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>Models for averages and spherical merges, and how near a result must come.</summary>
internal static class GeometryRuns
{
    public const int Rows = 9, Columns = 37;

    public static readonly Shape Shape = new(Rows, Columns);
    public static readonly TensorPlace Place = new("layers.0.w", null, 0);

    /// <summary>Models near each other, of any magnitude, with zeros and signs of zero among them.</summary>
    public static float[][] Draw(int seed, int count, double scale = 1)
    {
        var random = new System.Random(seed);
        double[] common = [.. Enumerable.Range(0, Rows * Columns).Select(_ => random.NextDouble() - 0.5)];
        return [.. Enumerable.Range(0, count).Select(_ => common.Select(x => random.Next(20) == 0 ? -0f : (float)(scale * (x + (0.2 * (random.NextDouble() - 0.5))))).ToArray())];
    }

    public static void Check(Action<int, Device> body)
    {
        using Device device = Device.Open("cpu", 2);
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed => body(seed, device)).Check(Config.QuickThrowOnFailure.WithMaxTest(20).WithQuietOnSuccess(true));
    }

    public static void Near(double[] expected, float[] found, double largest = 1)
    {
        double bound = Math.ScaleB(Math.Max(largest, expected.Max(Math.Abs)), -23);
        for (int e = 0; e < expected.Length; e++) Assert.InRange(found[e] - expected[e], -bound, bound);
    }

    public static uint[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToUInt32Bits);
}
