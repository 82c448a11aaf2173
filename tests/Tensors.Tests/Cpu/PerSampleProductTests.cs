using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.Threads;
using static MergeEngine.Tensors.Tests.Cpu.ReferenceProduct;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Sums over samples of absolute gradients, and plain column sums, against float64.</summary>
public sealed unsafe class PerSampleProductTests
{
    private const double U = 1.0 / (1 << 24);

    public static TheoryData<SimdLevel, int> LevelsAndThreads() => MatrixProductTests.LevelsAndThreads();

    /// <summary>
    /// With s samples of t rows: (t + s + 1)·u times the sum of all absolute products; absolute values do not enlarge an error.
    /// </summary>
    [Theory]
    [MemberData(nameof(LevelsAndThreads))]
    public void Absolute_weight_gradients_agree_with_one_product_a_sample(SimdLevel level, int threads)
    {
        using var pool = new WorkerPool(threads);
        using var product = new MatrixProduct(pool, level);
        (int Samples, int Rows, int N, int K)[] shapes =
            [(1, 1, 1, 1), (5, 1, 13, 33), (700, 1, 20, 40), (3, 2, 12, 32), (7, 17, 96, 288), (4, 50, 40, 70), (2, 300, 25, 31), (1, 600, 14, 35), (9, 65, 201, 97)];
        foreach ((int samples, int rows, int n, int k) in shapes)
        {
            TestMatrix dy = new(samples * rows, n, 3, 1), x = new(samples * rows, k, 2, 2), acc = new(n, k, 1, 3);
            TestMatrix before = acc.Clone();
            fixed (float* pdy = dy.Values, px = x.Values, pacc = acc.Values)
            {
                product.AddAbsolutePerSample(
                    samples, rows, n, k, pdy + TestMatrix.Margin, dy.Stride, px + TestMatrix.Margin, x.Stride, pacc + TestMatrix.Margin, acc.Stride);
            }
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < k; j++)
                {
                    double expected = before[i, j], magnitude = Math.Abs(before[i, j]);
                    for (int s = 0; s < samples; s++)
                    {
                        double one = 0;
                        for (int r = s * rows; r < (s + 1) * rows; r++)
                        {
                            one += (double)dy[r, i] * x[r, j];
                            magnitude += Math.Abs((double)dy[r, i] * x[r, j]);
                        }
                        expected += Math.Abs(one);
                    }
                    double bound = (rows + samples + 3) * U * magnitude;
                    if (!(Math.Abs(acc[i, j] - expected) <= bound))
                        Assert.Fail($"{samples} × {rows} rows, {n} × {k}: ({i}, {j}) is {acc[i, j]}, expected {expected} ± {bound}");
                }
            }
            acc.AssertNothingWrittenAround($"{samples} × {rows} rows, {n} × {k}");
        }
    }

    [Theory]
    [MemberData(nameof(LevelsAndThreads))]
    public void Column_sums_and_absolute_column_sums_agree_with_float64(SimdLevel level, int threads)
    {
        using var pool = new WorkerPool(threads);
        using var product = new MatrixProduct(pool, level);
        foreach ((int samples, int rows, int n) in ((int, int, int)[])[(1, 1, 1), (3, 17, 96), (5, 300, 45), (64, 17, 300), (2, 1100, 70)])
        {
            TestMatrix values = new(samples * rows, n, 3, 1), sum = new(1, n, 0, 2), absolute = new(1, n, 0, 3);
            TestMatrix sumBefore = sum.Clone(), absoluteBefore = absolute.Clone();
            fixed (float* pv = values.Values, ps = sum.Values, pa = absolute.Values)
            {
                product.AddColumnSums(samples * rows, n, pv + TestMatrix.Margin, values.Stride, ps + TestMatrix.Margin);
                product.AddAbsoluteColumnSumsPerSample(samples, rows, n, pv + TestMatrix.Margin, values.Stride, pa + TestMatrix.Margin);
            }
            for (int j = 0; j < n; j++)
            {
                double plain = sumBefore[0, j], absolutes = absoluteBefore[0, j], magnitude = 1;
                for (int s = 0; s < samples; s++)
                {
                    double one = 0;
                    for (int r = s * rows; r < (s + 1) * rows; r++)
                    {
                        one += values[r, j];
                        magnitude += Math.Abs(values[r, j]);
                    }
                    plain += one;
                    absolutes += Math.Abs(one);
                }
                double bound = (samples * rows + 2) * U * magnitude;
                Assert.InRange(sum[0, j], plain - bound, plain + bound);
                Assert.InRange(absolute[0, j], absolutes - bound, absolutes + bound);
            }
            sum.AssertNothingWrittenAround("column sums");
            absolute.AssertNothingWrittenAround("absolute column sums");
        }
    }

    [Fact]
    public void The_bits_do_not_depend_on_the_number_of_threads()
    {
        foreach (SimdLevel level in SimdLevels.Supported)
        {
            foreach ((int samples, int rows, int n, int k) in ((int, int, int, int)[])[(30, 17, 96, 384), (600, 1, 70, 90), (4, 300, 100, 64)])
            {
                TestMatrix dy = new(samples * rows, n, 0, 1), x = new(samples * rows, k, 0, 2);
                float[]? expected = null;
                foreach (int threads in (int[])[1, 2, 3, 5])
                {
                    using var pool = new WorkerPool(threads);
                    using var product = new MatrixProduct(pool, level);
                    var acc = new TestMatrix(n, k, 0, 3);
                    var sums = new TestMatrix(1, n, 0, 4);
                    fixed (float* pdy = dy.Values, px = x.Values, pacc = acc.Values, ps = sums.Values)
                    {
                        product.AddAbsolutePerSample(
                            samples, rows, n, k, pdy + TestMatrix.Margin, n, px + TestMatrix.Margin, k, pacc + TestMatrix.Margin, k);
                        product.AddColumnSums(samples * rows, n, pdy + TestMatrix.Margin, n, ps + TestMatrix.Margin);
                    }
                    float[] all = [.. acc.Values.Where(v => !float.IsNaN(v)), .. sums.Values.Where(v => !float.IsNaN(v))];
                    expected ??= all;
                    Assert.Equal(expected, all);
                }
            }
        }
    }

    [Fact]
    public void Nothing_is_allocated_once_the_buffers_have_grown()
    {
        using var pool = new WorkerPool(2);
        using var product = new MatrixProduct(pool, SimdLevels.Best);
        TestMatrix dy = new(170, 96, 0, 1), x = new(170, 64, 0, 2), acc = new(96, 64, 0, 3);
        void Once()
        {
            fixed (float* pdy = dy.Values, px = x.Values, pacc = acc.Values)
            {
                product.AddAbsolutePerSample(10, 17, 96, 64, pdy + TestMatrix.Margin, 96, px + TestMatrix.Margin, 64, pacc + TestMatrix.Margin, 64);
                product.AddAbsoluteColumnSumsPerSample(10, 17, 64, px + TestMatrix.Margin, 64, pacc + TestMatrix.Margin);
            }
        }
        for (int i = 0; i < 300; i++)
            Once();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++)
            Once();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
