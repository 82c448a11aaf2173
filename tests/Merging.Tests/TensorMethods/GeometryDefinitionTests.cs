using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Tensors;
using static MergeEngine.Merging.Tests.TensorMethods.GeometryRuns;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>
/// The definitions of averages and spherical merges in float64, written plainly. Results are float64 sums rounded once, so a definition is met to half a unit in the last place and what
/// the sums lose, 2⁻²³ of the result in all.
/// </summary>
public sealed class GeometryDefinitionTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Interpolation_reaches_its_ends_bit_for_bit(int t)
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = Draw(5, 3);
        x[0][3] = -0f;
        x[1][3] = -0f;
        Assert.Equal(Bits(x[1 - t]), Bits(TensorRun.Merge(device, TensorRun.Slice("slerp", ["a"], "c", $"t: {t}"), Place, Shape, x[..2])));
        string[] models = [$"a weight: {1 - t}", $"b weight: {t}"];
        foreach (string parameters in new[] { "", "nuslerp_flatten: false", "nuslerp_flatten: false, nuslerp_row_wise: true" })
        {
            Assert.Equal(Bits(x[t]), Bits(TensorRun.Merge(device, TensorRun.Slice("nuslerp", models, null, parameters), Place, Shape, x[..2])));
            Assert.Equal(Bits(x[t]), Bits(TensorRun.Merge(device, TensorRun.Slice("nuslerp", models, "c", parameters), Place, Shape, x)));
        }
    }

    [Fact]
    public void Vectors_without_an_angle_are_taken_on_the_straight_line()
    {
        using Device device = Device.Open("cpu", 2);
        float[] a = Draw(6, 1)[0], opposite = [.. a.Select(v => -v)], zero = new float[a.Length];
        foreach (float[] b in new[] { opposite, zero })
        {
            double[] expected = [.. a.Zip(b, (p, q) => (0.75 * p) + (0.25 * q))];
            Near(expected, TensorRun.Merge(device, TensorRun.Slice("slerp", ["a"], "c", "t: 0.75"), Place, Shape, [a, b]));
            foreach (string parameters in new[] { "", "nuslerp_flatten: false", "nuslerp_flatten: false, nuslerp_row_wise: true" })
            {
                RecipeSlice slice = TensorRun.Slice("nuslerp", ["a weight: 0.75", "b weight: 0.25"], null, parameters);
                Near(expected, TensorRun.Merge(device, slice, Place, Shape, [a, b]));
                Near([.. expected.Select(v => v + 2)], TensorRun.Merge(device, TensorRun.Slice("nuslerp", ["a weight: 0.75", "b weight: 0.25"], "c", parameters), Place, Shape,
                    [[.. a.Select(v => v + 2)], [.. b.Select(v => v + 2)], [.. a.Select(_ => 2f)]]), 4);
            }

            Near([.. a.Zip(b, (p, q) => (p + q) / 2.0)], TensorRun.Merge(device, TensorRun.Slice("karcher", ["a", "b"]), Place, Shape, [a, b]));
        }
    }

    [Fact]
    public void An_untouched_tensor_stays_as_it_is()
    {
        using Device device = Device.Open("cpu", 2);
        float[] x = Draw(7, 1)[0];
        foreach (string method in new[] { "multislerp", "model_stock", "nearswap", "arcee_fusion" })
        {
            string[] models = method is "nearswap" or "arcee_fusion" ? ["a"] : method == "multislerp" ? ["a weight: 0.2", "b weight: 0.3", "d weight: 0.9"] : ["a", "b", "d"];
            Assert.Equal(x, TensorRun.Merge(device, TensorRun.Slice(method, models, "c", method == "nearswap" ? "t: 0.1" : ""), Place, Shape, [.. models.Select(_ => x), x]));
        }
    }

    [Fact]
    public void Weights_that_cancel_are_refused_with_a_sentence()
    {
        foreach (string method in new[] { "linear", "multislerp" })
        {
            Exception problem = Assert.ThrowsAny<Exception>(() => TensorRun.Merge(Device.Open("reference"), TensorRun.Slice(method, ["a weight: 0.5", "b weight: -0.5"]), Place, Shape, Draw(1, 2)));
            Assert.Contains("weights sum to 0", problem.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>mergekit's cosine of such a model is NaN, and with it the share of all; without an angle the paper's takes the model for perpendicular.</summary>
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void One_value_that_is_not_finite_makes_all_of_mergekits_model_stock_nan_and_one_value_of_the_papers(float value)
    {
        using Device device = Device.Open("cpu", 1);
        float[][] x = Draw(29, 4);
        x[1][40] = value;
        int NotFinite(params string[] form) =>
            TensorRun.Merge(device, TensorRun.Slice("model_stock", ["a", "b", "d"], "c", form[0], form[1] == "paper" ? Dialect.Paper : Dialect.Mergekit), Place, Shape, x).Count(v => !float.IsFinite(v));
        Assert.Equal(Rows * Columns, NotFinite("", "mergekit"));
        Assert.Equal(Columns, NotFinite("filter_wise: true", "mergekit"));
        Assert.Equal(1, NotFinite("", "paper"));
        Assert.Equal(1, NotFinite("filter_wise: true", "paper"));
    }

    [Fact]
    public void Model_stock_of_the_paper_takes_the_cosine_of_the_mean_angle_and_stays_between()
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = Draw(8, 4);
        double[][] d = [.. x[..3].Select(m => m.Zip(x[3], (p, q) => (double)p - q).ToArray())];
        double angle = new[] { (0, 1), (0, 2), (1, 2) }.Average(p => Math.Acos(Dot(d[p.Item1], d[p.Item2]) / Math.Sqrt(Dot(d[p.Item1], d[p.Item1]) * Dot(d[p.Item2], d[p.Item2]))));
        double c = Math.Cos(angle), t = 3 * c / (1 + (2 * c));
        RecipeSlice slice = TensorRun.Slice("model_stock", ["a", "b", "d"], "c", "", Dialect.Paper);
        Near([.. Enumerable.Range(0, x[0].Length).Select(e => x[3][e] + (t * (d[0][e] + d[1][e] + d[2][e]) / 3))], TensorRun.Merge(device, slice, Place, Shape, x));
        float[] apart = [.. x[3].Zip(x[0], (b, a) => b - (a - b))];
        Near(Array.ConvertAll(x[3], v => (double)v), TensorRun.Merge(device, TensorRun.Slice("model_stock", ["a", "b"], "c", "", Dialect.Paper), Place, Shape, [x[0], apart, x[3]]));
    }

    /// <summary>The definition with full tensors for every iteration, where the engine iterates on the Gram matrix.</summary>
    [Fact]
    public void The_barycentre_is_that_of_an_iteration_over_whole_tensors()
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = [.. Draw(9, 1, 3), .. Draw(10, 1), .. Draw(11, 1, 0.5)];
        double[][] units = [.. x.Select(v => v.Select(e => e / Math.Sqrt(v.Sum(f => (double)f * f))).ToArray())];
        double[] u = Unit([.. Enumerable.Range(0, x[0].Length).Select(e => units.Sum(v => v[e]))]);
        for (int n = 0; n < 60; n++)
        {
            var tangent = new double[u.Length];
            foreach (double[] v in units)
            {
                double cosine = Dot(u, v), theta = Math.Acos(cosine);
                for (int e = 0; e < u.Length; e++) tangent[e] += theta / Math.Sin(theta) / 3 * (v[e] - (cosine * u[e]));
            }

            double step = Math.Sqrt(Dot(tangent, tangent));
            if (step < 1e-14) break;
            u = Unit([.. u.Select((e, i) => (Math.Cos(step) * e) + (Math.Sin(step) * tangent[i] / step))]);
        }

        double length = x.Average(v => Math.Sqrt(v.Sum(f => (double)f * f)));
        Near([.. u.Select(e => e * length)], TensorRun.Merge(device, TensorRun.Slice("karcher", ["a", "b", "c"], null, "max_iter: 60, tol: 1e-13"), Place, Shape, x), 2);
    }

    /// <summary>Median and quartiles from a full sort, divergences by their definition.</summary>
    [Fact]
    public void What_arcee_fusion_keeps_is_what_a_sort_says()
    {
        using Device device = Device.Open("cpu", 2);
        float[][] x = Draw(12, 2);
        double[] importance = new double[x[0].Length];
        for (int row = 0; row < Rows; row++)
        {
            double[] Softmax(float[] v) => [.. v[(row * Columns)..((row + 1) * Columns)].Select(e => (Math.Exp(e) / v[(row * Columns)..((row + 1) * Columns)].Sum(f => Math.Exp(f))) + 1e-8)];
            double divergence = Softmax(x[0]).Zip(Softmax(x[1]), (p, q) => p * Math.Log(p / q)).Sum();
            for (int c = 0; c < Columns; c++) importance[(row * Columns) + c] = Math.Abs((double)x[0][(row * Columns) + c] - x[1][(row * Columns) + c]) * divergence;
        }

        double[] sorted = [.. importance.Order()];
        double Rank(double share) => sorted[(int)(share * (sorted.Length - 1))];
        double threshold = Rank(0.5) + (1.5 * (Rank(0.75) - Rank(0.25)));
        Assert.DoesNotContain(importance, i => Math.Abs(i - threshold) < 1e-6 * threshold);
        Assert.InRange(importance.Count(i => i >= threshold), 1, importance.Length / 2);
        Assert.Equal(importance.Select((i, e) => i >= threshold ? x[0][e] : x[1][e]), TensorRun.Merge(device, TensorRun.Slice("arcee_fusion", ["a"], "c"), Place, Shape, x, new System.Random(3)));
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (p, q) => p * q).Sum();

    private static double[] Unit(double[] v) => [.. v.Select(e => e / Math.Sqrt(Dot(v, v)))];
}
