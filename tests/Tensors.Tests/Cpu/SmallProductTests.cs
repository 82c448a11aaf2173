using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.VectorMath;
using static MergeEngine.Tensors.Tests.Cpu.ReferenceProduct;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Products on one thread, as attention uses them, against float64; the bound is that of <see cref="MatrixProductTests"/>.</summary>
public sealed unsafe class SmallProductTests
{
    private const double U = 1.0 / (1 << 24);

    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Attention_shapes_agree_with_float64(SimdLevel level)
    {
        int seed = 0;
        foreach (int tokens in (int[])[1, 2, 16, 17, 50, 65, 197, 300])
        {
            foreach (int head in (int[])[8, 24, 32, 64, 128])
            {
                if (tokens * head > 10_000)
                    continue;
                Check(level, false, true, tokens, tokens, head, 0.125f, 0f, seed++);
                Check(level, false, false, tokens, head, tokens, 1f, 0f, seed++);
                Check(level, true, false, tokens, head, tokens, 1f, 1f, seed++);
                Check(level, true, true, tokens, head, tokens, -2f, 0.5f, seed++);
            }
        }
    }

    private static void Check(SimdLevel level, bool ta, bool tb, int m, int n, int k, float alpha, float beta, int seed)
    {
        TestMatrix a = ta ? new TestMatrix(k, m, 7, seed) : new TestMatrix(m, k, 7, seed);
        TestMatrix b = tb ? new TestMatrix(n, k, 3, seed + 1) : new TestMatrix(k, n, 3, seed + 1);
        var c = new TestMatrix(m, n, 2, seed + 2);
        if (beta == 0f)
            c.Fill(float.NaN);
        TestMatrix before = c.Clone();
        switch (level)
        {
            case SimdLevel.Vector512: Run<Simd512, Vector512<float>>(ta, tb, m, n, k, alpha, a, b, beta, c); break;
            case SimdLevel.Vector256: Run<Simd256, Vector256<float>>(ta, tb, m, n, k, alpha, a, b, beta, c); break;
            default: Run<Simd128, Vector128<float>>(ta, tb, m, n, k, alpha, a, b, beta, c); break;
        }
        (double[] expected, double[] magnitude) = Multiply(a, ta, b, tb, m, n, k);
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double old = beta == 0f ? 0 : beta * before[i, j];
                double bound = (k + 3) * U * Math.Abs(alpha) * magnitude[i * n + j] + 3 * U * Math.Abs(old);
                Assert.InRange(Math.Abs(c[i, j] - (alpha * expected[i * n + j] + old)), 0, bound);
            }
        }
        c.AssertNothingWrittenAround($"{m}×{n}×{k}");
    }

    private static void Run<S, V>(bool ta, bool tb, int m, int n, int k, float alpha, TestMatrix a, TestMatrix b, float beta, TestMatrix c)
        where S : struct, ISimd<V>
        where V : struct
    {
        var scratch = new float[SmallProduct<S, V>.ScratchFloats(k)];
        fixed (float* pa = a.Values, pb = b.Values, pc = c.Values, ps = scratch)
        {
            SmallProduct<S, V>.Multiply(
                ta, tb, m, n, k, alpha, pa + TestMatrix.Margin, a.Stride, pb + TestMatrix.Margin, b.Stride, beta, pc + TestMatrix.Margin, c.Stride, ps);
        }
    }
}
