using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Merging.TensorMethods.Spectral;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>Methods by singular vectors against the papers' equations in float64 (with a Jacobi decomposition that shares nothing with the engine's) and against what must hold.</summary>
public sealed class SpectralTests
{
    /// <summary>Rounding to float32 of vectors and of products, some ten times over.</summary>
    private const double Bound = 3e-6;

    private static float[] Random(int seed, int count, double scale = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    private static float[] Merge(string method, string parameters, Shape shape, float[] origin, float[][] models, string deviceName = "cpu", int threads = 2)
    {
        RecipeSlice slice = TensorRun.Slice(method, [.. models.Select((_, i) => $"m{i}")], "base", parameters);
        using Device device = DeviceCases.Open(deviceName, threads);
        // The base is added behind the models.
        Assert.Equal(models.Length, slice.BaseIndex);
        return TensorRun.Merge(device, slice, new TensorPlace("w.weight", null, 0), shape, [.. models, origin]);
    }

    private static float[][] Models(float[] origin, int count, double scale = 0.1) =>
        [.. Enumerable.Range(1, count).Select(k => origin.Zip(Random(k, origin.Length, scale), (b, d) => b + d).ToArray())];

    private static void Near(double[] expected, double[] found, double bound)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - found[i]) <= bound, $"[{i}]: {found[i]:g9}, expected {expected[i]:g9} within {bound:g3}.");
    }

    private static double[] Difference(float[] x, float[] b) => [.. x.Zip(b, (a, c) => (double)a - c)];

    [Theory]
    [InlineData(12, 12, 1)]
    [InlineData(24, 17, 2)]
    [InlineData(15, 40, 3)]
    [InlineData(33, 31, 5)]
    public void Tsv_is_the_papers_equation(int rows, int columns, int models)
    {
        float[] origin = Random(100, rows * columns);
        float[][] tuned = Models(origin, models);
        int each = Math.Min(rows, columns) / models;
        var u = new List<double[]>();
        var v = new List<double[]>();
        var s = new List<double>();
        foreach (float[] x in tuned)
        {
            PlainSvd svd = PlainSvd.Of(Difference(x, origin), rows, columns);
            for (int i = 0; i < each; i++) (u, v, s) = ([.. u, svd.U[i]], [.. v, svd.V[i]], [.. s, svd.S[i]]);
        }

        double[] merged = PlainSvd.Outer(PlainSvd.Orthonormal(u), PlainSvd.Orthonormal(v), s, rows, columns);
        float[] found = Merge("tsv", "lambda: 0.75", new Shape(rows, columns), origin, tuned);
        Near([.. origin.Zip(merged, (b, d) => b + (0.75 * d))], [.. found.Select(x => (double)x)], Bound);
    }

    [Theory]
    [InlineData(12, 12, 1)]
    [InlineData(24, 17, 3)]
    [InlineData(15, 40, 2)]
    public void Iso_c_gives_the_sum_equal_singular_values(int rows, int columns, int models)
    {
        float[] origin = Random(100, rows * columns);
        float[][] tuned = Models(origin, models);
        double[] sum = [.. Enumerable.Range(0, origin.Length).Select(i => tuned.Sum(x => (double)x[i] - origin[i]))];
        PlainSvd svd = PlainSvd.Of(sum, rows, columns);
        double mean = svd.S.Average();
        double[] merged = PlainSvd.Outer([.. svd.U], [.. svd.V], [.. svd.S.Select(_ => mean)], rows, columns);
        float[] found = Merge("iso_c", "lambda: 1.3", new Shape(rows, columns), origin, tuned);
        Near([.. origin.Zip(merged, (b, d) => b + (1.3 * d))], [.. found.Select(x => (double)x)], Bound);
        // Δ·Δᵀ is a multiple of the identity on the shorter side.
        Assert.All(PlainSvd.Of(Difference(found, origin), rows, columns).S, s => Assert.Equal(1.3 * mean, s, 20 * Bound));
    }

    [Theory]
    [InlineData(20, 20, 2, 0.8)]
    [InlineData(24, 17, 3, 0.5)]
    [InlineData(15, 40, 4, 0.8)]
    [InlineData(16, 16, 3, 0)]
    [InlineData(16, 16, 3, 1)]
    public void Iso_cts_is_the_papers_equation(int rows, int columns, int models, double share)
    {
        float[] origin = Random(100, rows * columns);
        float[][] tuned = Models(origin, models);
        int shorter = Math.Min(rows, columns), each = (int)Math.Round((shorter - (int)(shorter * share)) / (double)models), common = shorter - (each * models);
        PlainSvd sum = PlainSvd.Of([.. Enumerable.Range(0, origin.Length).Select(i => tuned.Sum(x => (double)x[i] - origin[i]))], rows, columns);
        List<double[]> u = [.. sum.U.Take(common)], v = [.. sum.V.Take(common)];
        List<double> s = [.. sum.S.Take(common)];
        foreach (float[] x in tuned)
        {
            double[] own = Difference(x, origin);
            for (int c = 0; c < common; c++)
            {
                for (int j = 0; j < columns; j++)
                {
                    double along = Enumerable.Range(0, rows).Sum(i => sum.U[c][i] * own[(i * columns) + j]);
                    for (int i = 0; i < rows; i++) own[(i * columns) + j] -= along * sum.U[c][i];
                }
            }

            PlainSvd svd = PlainSvd.Of(own, rows, columns);
            for (int i = 0; i < each; i++) (u, v, s) = ([.. u, svd.U[i]], [.. v, svd.V[i]], [.. s, svd.S[i]]);
        }

        double mean = s.Average();
        double[] merged = PlainSvd.Outer(PlainSvd.Orthonormal(u), PlainSvd.Orthonormal(v), [.. s.Select(_ => mean)], rows, columns);
        float[] found = Merge("iso_cts", $"common_share: {share.ToString(System.Globalization.CultureInfo.InvariantCulture)}", new Shape(rows, columns), origin, tuned);
        // Vectors of tasks that nearly meet are pulled apart, which makes their rounding larger.
        Near([.. origin.Zip(merged, (b, d) => b + d)], [.. found.Select(x => (double)x)], 10 * Bound);
    }

    /// <summary>One model of full rank, and the same model twice (whose directions are one set): the model. Iso-CTS with nothing but common directions: Iso-C.</summary>
    [Fact]
    public void Special_cases_are_what_they_must_be()
    {
        var shape = new Shape(18, 25);
        float[] origin = Random(100, 450);
        float[][] tuned = Models(origin, 2);
        Near([.. tuned[0].Select(x => (double)x)], [.. Merge("tsv", "", shape, origin, [tuned[0]]).Select(x => (double)x)], Bound);
        float[] low = [.. origin];
        float[] left = Random(7, 18 * 3), right = Random(8, 25 * 3);
        for (int i = 0; i < 450; i++)
        {
            for (int k = 0; k < 3; k++) low[i] += 0.1f * left[(i / 25 * 3) + k] * right[(k * 25) + (i % 25)];
        }

        Near([.. low.Select(x => (double)x)], [.. Merge("tsv", "", shape, origin, [low, [.. low]]).Select(x => (double)x)], Bound);
        Assert.Equal(Merge("iso_c", "", shape, origin, tuned).Select(x => Math.Round(x, 5)), Merge("iso_cts", "common_share: 1", shape, origin, tuned).Select(x => Math.Round(x, 5)));
        foreach (string method in (string[])["tsv", "iso_c", "iso_cts"])
        {
            Assert.Equal(origin, Merge(method, "", shape, origin, [origin, origin]));
            Assert.Equal(origin, Merge(method, "lambda: 0", shape, origin, tuned));
        }
    }

    /// <summary>A model that did not touch a matrix adds nothing to it: no arbitrary vectors.</summary>
    [Fact]
    public void An_untouched_matrix_disturbs_no_other_model()
    {
        var shape = new Shape(16, 16);
        float[] origin = Random(100, 256);
        float[] tuned = Models(origin, 1)[0];
        float[] with = Merge("tsv", "", shape, origin, [tuned, origin]);
        PlainSvd svd = PlainSvd.Of(Difference(tuned, origin), 16, 16);
        double[] leading = PlainSvd.Outer([.. svd.U.Take(8)], [.. svd.V.Take(8)], [.. svd.S.Take(8)], 16, 16);
        Near([.. origin.Zip(leading, (b, d) => b + d)], [.. with.Select(x => (double)x)], Bound);
    }

    [Theory]
    [InlineData("tsv")]
    [InlineData("iso_c")]
    [InlineData("iso_cts")]
    public void What_is_no_matrix_gets_the_mean_of_the_differences(string method)
    {
        foreach (Shape shape in (Shape[])[new Shape(30), new Shape(3, 2, 5), new Shape()])
        {
            float[] origin = Random(100, (int)shape.ElementCount);
            float[][] tuned = Models(origin, 4);
            double[] expected = [.. Enumerable.Range(0, origin.Length).Select(i => origin[i] + (0.5 * tuned.Average(x => (double)x[i] - origin[i])))];
            // Differences of float32, rounded, and the result: 2⁻²⁴ of values below 4, twice.
            Near(expected, [.. Merge(method, "lambda: 0.5", shape, origin, tuned).Select(x => (double)x)], 8 * Math.Pow(2, -24));
        }

        // A side shorter than the number of models has no direction for each.
        float[] thin = Random(100, 6);
        float[][] four = Models(thin, 4);
        if (method == "tsv") Near([.. thin.Select((b, i) => b + four.Average(x => (double)x[i] - b))], [.. Merge(method, "", new Shape(2, 3), thin, four).Select(x => (double)x)], 8 * Math.Pow(2, -24));
    }

    [Theory]
    [InlineData("tsv")]
    [InlineData("iso_c")]
    [InlineData("iso_cts")]
    public void Threads_and_devices_agree(string method)
    {
        var shape = new Shape(70, 50);
        float[] origin = Random(100, 3500);
        float[][] tuned = Models(origin, 3);
        float[] one = Merge(method, "", shape, origin, tuned, "cpu", 1);
        Assert.Equal(one, Merge(method, "", shape, origin, tuned, "cpu", 2));
        Near([.. one.Select(x => (double)x)], [.. Merge(method, "", shape, origin, tuned, "reference").Select(x => (double)x)], 10 * Bound);
    }

    /// <summary>What is allocated on the device, looked at all the while, stays within what the plan counts beside inputs and output.</summary>
    [Theory]
    [InlineData("tsv", 1, 300 * 120)]
    [InlineData("tsv", 3, 300 * 120)]
    [InlineData("iso_c", 1, 2 * 120 * 180)]
    [InlineData("iso_cts", 1, 300 * 120)]
    [InlineData("iso_cts", 3, 300 * 120)]
    public void Memory_stays_within_what_the_plan_is_told(string method, int threads, int held)
    {
        var shape = new Shape(120, 180);
        int length = (int)shape.ElementCount;
        using Device device = DeviceCases.Open("cpu", threads);
        RecipeSlice slice = TensorRun.Slice(method, ["a", "b"], "base");
        var task = new TensorTask(device, "w.weight", shape, 3, 2, slice.At(new TensorPlace("w.weight", null, 0)), 0);
        using DeviceBuffer a = device.Allocate<float>(length), b = device.Allocate<float>(length), origin = device.Allocate<float>(length), output = device.Allocate<float>(length);
        device.Upload<float>(Random(1, length), a.AsSpan<float>());
        device.Upload<float>(Random(2, length), b.AsSpan<float>());
        long before = device.AllocatedBytes, most = 0;
        bool done = false;
        var watch = new Thread(() =>
        {
            while (!Volatile.Read(ref done)) most = Math.Max(most, device.AllocatedBytes - before);
        });
        watch.Start();
        // Until the watch has seen what the method cannot do without: the directions of all models, or the sum and the base.
        long least = sizeof(float) * (long)held, told = 0;
        for (int i = 0; i < 1000 && Volatile.Read(ref most) < least; i++)
        {
            using TensorMerge merge = Merging.TensorMethods.TensorMethods.Find(method)!.Begin(task);
            Assert.Equal(method == "iso_c" ? 1 : length, merge.Unit);
            Assert.Equal(method == "iso_c" || threads == 1 ? 0 : 1, merge.MostHelpers);
            DeviceSpan<float>[] inputs = [a.AsSpan<float>(), b.AsSpan<float>(), origin.AsSpan<float>()];
            while (merge.NeedsPass)
            {
                merge.Accumulate(new TensorChunk(0, inputs, default));
                merge.CompletePass();
            }

            merge.Map(new TensorChunk(0, inputs, output.AsSpan<float>()));
            // Solvers and products take theirs from the system, not from the device.
            told = merge.WorkingBytes - SingularValueSolver.WorkingBytes(120, 180, 120, (CpuDevice)device, onHost: true);
            if (merge.MostHelpers > 0) told += merge.HelperBytes - SingularValueSolver.WorkingBytes(120, 180, 1, (CpuDevice)device, onHost: true);
        }

        Volatile.Write(ref done, true);
        watch.Join();
        Assert.InRange(most, least, told);
    }

    /// <summary>Sums of differences that cancel: what is left has no full rank, and what it lacks gets no strength.</summary>
    [Fact]
    public void Iso_c_gives_directions_that_the_sum_lacks_nothing()
    {
        const int rows = 30, columns = 22, rank = 4;
        float[] origin = new float[rows * columns], tuned = new float[rows * columns];
        float[] left = Random(7, rows * rank), right = Random(8, rank * columns);
        for (int i = 0; i < tuned.Length; i++)
        {
            for (int k = 0; k < rank; k++) tuned[i] += (float)Math.Round(64 * left[(i / columns * rank) + k]) * (float)Math.Round(64 * right[(k * columns) + (i % columns)]) / 4096;
        }

        // Integers over 4096: the product is exact, so the other singular values are zeros.
        PlainSvd svd = PlainSvd.Of(Difference(tuned, origin), rows, columns);
        double mean = svd.S.Take(rank).Average();
        double[] expected = PlainSvd.Outer([.. svd.U.Take(rank)], [.. svd.V.Take(rank)], [.. Enumerable.Repeat(mean, rank)], rows, columns);
        Near(expected, [.. Merge("iso_c", "", new Shape(rows, columns), origin, [tuned]).Select(x => (double)x)], mean * Bound);
    }

    [Fact]
    public void Values_that_are_not_finite_are_refused_with_the_tensors_name()
    {
        float[] origin = Random(100, 36), bad = [.. origin];
        bad[7] = float.NaN;
        ArgumentException error = Assert.Throws<ArgumentException>(() => Merge("iso_c", "", new Shape(6, 6), origin, [bad]));
        Assert.Equal("The tensor 'w.weight' minus its base has values that are not finite, so it has no singular values.", error.Message);
    }

    /// <summary>4 MiB for the vectors of one side are there, and for the other no address space: what was taken goes back to the device.</summary>
    [Fact]
    public void A_device_without_memory_for_all_vectors_gets_back_what_it_gave()
    {
        using Device device = Device.Open("cpu", 1);
        RecipeSlice slice = TensorRun.Slice("tsv", ["m0"], "base");
        var task = new TensorTask(device, "w.weight", Shape.Create([1, int.MaxValue]), 2, 1, slice.At(new TensorPlace("w.weight", null, 0)), 0);
        using var space = new MatrixSpace(task, [], default, 1, int.MaxValue);
        long before = device.AllocatedBytes;
        Assert.ThrowsAny<Exception>(() => new Directions(space, 1 << 20));
        Assert.Equal(before, device.AllocatedBytes);
    }
}
