using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.Threads;
using static MergeEngine.Tensors.Tests.Cpu.ReferenceProduct;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>
/// The matrix product against plain float64 loops. The bound on an element is the standard one for a sum of k products in any order
/// (Higham, Accuracy and Stability of Numerical Algorithms, 3.5): (k + 3)·u·|alpha|·(|A|·|B|) plus 3·u·|beta·C|, u = 2⁻²⁴.
/// </summary>
public sealed unsafe class MatrixProductTests
{
    private const double U = 1.0 / (1 << 24);

    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    public static TheoryData<SimdLevel, int> LevelsAndThreads()
    {
        var data = new TheoryData<SimdLevel, int>();
        foreach (SimdLevel level in SimdLevels.Supported)
            foreach (int threads in (int[])[1, 2, 3])
                data.Add(level, threads);
        return data;
    }

    [Theory]
    [MemberData(nameof(LevelsAndThreads))]
    public void Ragged_sizes_agree_with_float64(SimdLevel level, int threads)
    {
        using var pool = new WorkerPool(threads);
        using var product = new MatrixProduct(pool, level);
        var random = new Random(17 + threads);
        for (int trial = 0; trial < 400; trial++)
        {
            int m = random.Next(1, 71), n = random.Next(1, 71), k = random.Next(1, 71);
            (float alpha, float beta) = (trial % 5) switch
            {
                0 => (1f, 0f),
                1 => (1f, 1f),
                2 => (-0.75f, 0f),
                3 => (0.5f, -1.25f),
                _ => (2f, 1f),
            };
            Check(product, (trial & 1) != 0, (trial & 2) != 0, m, n, k, alpha, beta, random);
        }
    }

    [Theory]
    [MemberData(nameof(LevelsAndThreads))]
    public void Sizes_beyond_one_block_agree_with_float64(SimdLevel level, int threads)
    {
        using var pool = new WorkerPool(threads);
        using var product = new MatrixProduct(pool, level);
        var random = new Random(5);
        (int M, int N, int K)[] shapes =
            [(1, 300, 700), (2, 97, 1100), (4, 1, 513), (5, 33, 2000), (50, 288, 96), (193, 100, 520), (257, 130, 1025), (400, 65, 40), (17, 600, 64), (301, 10, 96)];
        foreach ((int m, int n, int k) in shapes)
            for (int op = 0; op < 4; op++)
                Check(product, (op & 1) != 0, (op & 2) != 0, m, n, k, 1f, op == 1 ? 1f : 0f, random);
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void A_sum_of_nothing_leaves_beta_times_c(SimdLevel level)
    {
        using var pool = new WorkerPool(2);
        using var product = new MatrixProduct(pool, level);
        var c = new TestMatrix(3, 5, 2, 1);
        TestMatrix before = c.Clone();
        Run(product, false, false, 3, 5, 0, 1f, before, before, -2f, c);
        for (int row = 0; row < 3; row++)
            for (int column = 0; column < 5; column++)
                Assert.Equal(-2f * before[row, column], c[row, column]);
        // alpha = 0 does not read A and B either
        var nan = new TestMatrix(5, 5, 0, 2);
        nan.Fill(float.NaN);
        Run(product, false, true, 3, 5, 5, 0f, nan, nan, 0f, c);
        for (int row = 0; row < 3; row++)
            Assert.Equal(0f, c[row, 4]);
        Run(product, false, false, 0, 5, 3, 1f, nan, nan, 0f, c);
        Run(product, false, false, 3, 0, 3, 1f, nan, nan, 0f, c);
        Assert.Equal(0f, c[0, 0]);
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void A_row_of_a_few_has_the_bits_of_that_row_alone(SimdLevel level)
    {
        using var pool = new WorkerPool(2);
        using var product = new MatrixProduct(pool, level);
        foreach ((int n, int k) in ((int, int)[])[(70, 200), (37, 19), (3, 64), (33, 770)])
        {
            TestMatrix a = new(4, k, 3, 1), b = new(n, k, 2, 2);
            float[][] rows = new float[4][];
            for (int row = 0; row < 4; row++)
            {
                rows[row] = new float[n];
                fixed (float* pa = a.Values, pb = b.Values, pc = rows[row])
                    product.Multiply(false, true, 1, n, k, 1f, pa + TestMatrix.Margin + row * a.Stride, a.Stride, pb + TestMatrix.Margin, b.Stride, 0f, pc, n);
            }

            for (int m = 2; m <= 4; m++)
            {
                var c = new TestMatrix(m, n, 1, 3);
                Run(product, false, true, m, n, k, 1f, a, b, 0f, c);
                for (int row = 0; row < m; row++)
                    for (int column = 0; column < n; column++)
                        Assert.Equal(BitConverter.SingleToInt32Bits(rows[row][column]), BitConverter.SingleToInt32Bits(c[row, column]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void The_bits_do_not_depend_on_the_number_of_threads(SimdLevel level)
    {
        (int M, int N, int K)[] shapes = [(1088, 96, 96), (100, 384, 1088), (50, 768, 770), (3, 500, 100), (250, 190, 600), (33, 31, 1500)];
        foreach ((int m, int n, int k) in shapes)
        {
            for (int op = 0; op < 4; op++)
            {
                bool ta = (op & 1) != 0, tb = (op & 2) != 0;
                TestMatrix a = ta ? new TestMatrix(k, m, 3, 1) : new TestMatrix(m, k, 3, 1), b = tb ? new TestMatrix(n, k, 0, 2) : new TestMatrix(k, n, 0, 2);
                float[]? expected = null;
                foreach (int threads in (int[])[1, 2, 3, 5])
                {
                    using var pool = new WorkerPool(threads);
                    using var product = new MatrixProduct(pool, level);
                    var c = new TestMatrix(m, n, 1, 3);
                    Run(product, ta, tb, m, n, k, 1.5f, a, b, 0f, c);
                    expected ??= c.Values;
                    Assert.True(
                        System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(expected).SequenceEqual(
                            System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(c.Values)),
                        $"{m}×{n}×{k}, op {op}, {threads} threads");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void A_product_of_small_integers_is_exact(SimdLevel level)
    {
        using var pool = new WorkerPool(3);
        using var product = new MatrixProduct(pool, level);
        int m = 205, n = 77, k = 1030;
        var a = new TestMatrix(m, k, 0, 1);
        var b = new TestMatrix(k, n, 0, 1);
        for (int p = 0; p < k; p++)
        {
            for (int i = 0; i < m; i++)
                a[i, p] = (i * 7 + p * 3) % 11 - 5;
            for (int j = 0; j < n; j++)
                b[p, j] = (j * 5 + p) % 13 - 6;
        }
        var c = new TestMatrix(m, n, 0, 1);
        Run(product, false, false, m, n, k, 1f, a, b, 0f, c);
        (double[] expected, _) = Multiply(a, false, b, false, m, n, k);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++)
                Assert.Equal(expected[i * n + j], c[i, j]);
    }

    [Theory]
    [MemberData(nameof(LevelsAndThreads))]
    public void A_call_allocates_nothing_once_the_buffers_have_grown(SimdLevel level, int threads)
    {
        using var pool = new WorkerPool(threads);
        using var product = new MatrixProduct(pool, level);
        var a = new TestMatrix(300, 200, 0, 1);
        var b = new TestMatrix(200, 300, 0, 1);
        var c = new TestMatrix(300, 300, 0, 1);
        void Once()
        {
            Run(product, false, false, 300, 300, 200, 1f, a, b, 0f, c);
            Run(product, true, true, 200, 200, 300, 1f, a, b, 1f, c);
            Run(product, false, true, 40, 200, 100, 1f, a, b, 0f, c);
        }
        for (int i = 0; i < 300; i++)
            Once();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++)
            Once();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Calls_from_several_threads_do_not_disturb_each_other()
    {
        using var pool = new WorkerPool(2);
        using var product = new MatrixProduct(pool, SimdLevels.Best);
        int failures = 0;
        var threads = Enumerable.Range(0, 4).Select(seed => new Thread(() =>
        {
            var random = new Random(seed);
            try
            {
                for (int i = 0; i < 30; i++)
                    Check(product, i % 2 == 0, i % 3 == 0, random.Next(1, 250), random.Next(1, 90), random.Next(1, 90), 1f, 0f, random);
            }
            catch (Xunit.Sdk.XunitException)
            {
                Interlocked.Increment(ref failures);
            }
        })).ToArray();
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Equal(0, failures);
    }

    private static void Check(MatrixProduct product, bool ta, bool tb, int m, int n, int k, float alpha, float beta, Random random)
    {
        TestMatrix a = ta ? new TestMatrix(k, m, random.Next(4), random.Next()) : new TestMatrix(m, k, random.Next(4), random.Next());
        TestMatrix b = tb ? new TestMatrix(n, k, random.Next(4), random.Next()) : new TestMatrix(k, n, random.Next(4), random.Next());
        var c = new TestMatrix(m, n, random.Next(4), random.Next());
        if (beta == 0f)
            c.Fill(float.NaN);   // must not be read
        TestMatrix before = c.Clone();
        Run(product, ta, tb, m, n, k, alpha, a, b, beta, c);
        (double[] expected, double[] magnitude) = Multiply(a, ta, b, tb, m, n, k);
        string what = $"op {(ta ? 'T' : 'N')}{(tb ? 'T' : 'N')} {m}×{n}×{k}, alpha {alpha}, beta {beta}";
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double old = beta == 0f ? 0 : (double)beta * before[i, j];
                double bound = (k + 3) * U * Math.Abs(alpha) * magnitude[i * n + j] + 3 * U * Math.Abs(old);
                double error = Math.Abs(c[i, j] - (alpha * expected[i * n + j] + old));
                if (!(error <= bound))
                    Assert.Fail($"{what}: element ({i}, {j}) is {c[i, j]}, expected {alpha * expected[i * n + j] + old} ± {bound}");
            }
        }
        c.AssertNothingWrittenAround(what);
    }

    private static void Run(
        MatrixProduct product, bool ta, bool tb, int m, int n, int k, float alpha, TestMatrix a, TestMatrix b, float beta, TestMatrix c)
    {
        fixed (float* pa = a.Values, pb = b.Values, pc = c.Values)
        {
            product.Multiply(
                ta, tb, m, n, k, alpha, pa + TestMatrix.Margin, a.Stride, pb + TestMatrix.Margin, b.Stride, beta, pc + TestMatrix.Margin, c.Stride);
        }
    }
}
