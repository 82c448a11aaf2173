using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Operations;
using static MergeEngine.Tensors.Tests.Cpu.ReferenceProduct;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>What a product does to its result while it is in the cache, against float64.</summary>
public sealed unsafe class EpilogueTests
{
    private const double U = 1.0 / (1 << 24);

    public static TheoryData<SimdLevel, Activation> Cases()
    {
        var data = new TheoryData<SimdLevel, Activation>();
        foreach (SimdLevel level in SimdLevels.Supported)
            foreach (Activation activation in Enum.GetValues<Activation>())
                data.Add(level, activation);
        return data;
    }

    /// <summary>
    /// The product's own bound, times the steepest slope of the activations (1.13), plus the activation's 2e-7·max(1, |z|) and three roundings.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Bias_pre_activation_and_activation_are_applied_in_order(SimdLevel level, Activation activation)
    {
        using var pool = new WorkerPool(2);
        using var product = new MatrixProduct(pool, level);
        foreach ((int m, int n, int k) in ((int, int, int)[])[(1, 1, 1), (7, 33, 20), (50, 96, 700), (200, 70, 64), (30, 129, 1100)])
        {
            foreach (bool save in (bool[])[false, true])
            {
                TestMatrix a = new(m, k, 1, 1), b = new(n, k, 2, 2), c = new(m, n, 1, 3), z = new(m, n, 4, 4), bias = new(1, n, 0, 5);
                z.Fill(float.NaN);
                fixed (float* pa = a.Values, pb = b.Values, pc = c.Values, pz = z.Values, pbias = bias.Values)
                {
                    Epilogue epilogue = Epilogue.Forward(
                        pbias + TestMatrix.Margin, activation, save ? pz + TestMatrix.Margin : null, z.Stride);
                    product.Multiply(
                        false, true, m, n, k, 0.5f, pa + TestMatrix.Margin, a.Stride, pb + TestMatrix.Margin, b.Stride,
                        0f, pc + TestMatrix.Margin, c.Stride, epilogue);
                }
                (double[] expected, double[] magnitude) = Multiply(a, false, b, true, m, n, k);
                for (int i = 0; i < m; i++)
                {
                    for (int j = 0; j < n; j++)
                    {
                        double pre = 0.5 * expected[i * n + j] + bias[0, j];
                        double preBound = (k + 3) * U * 0.5 * magnitude[i * n + j] + U * Math.Abs(pre);
                        if (save)
                            Assert.InRange(Math.Abs(z[i, j] - pre), 0, preBound);
                        double value = VectorFunctionsTests.Reference(activation, pre).Value;
                        double bound = 1.13 * preBound + 2e-7 * Math.Max(1, Math.Abs(pre));
                        Assert.InRange(Math.Abs(c[i, j] - value), 0, bound);
                    }
                }
                c.AssertNothingWrittenAround($"{m}×{n}×{k}");
                z.AssertNothingWrittenAround($"{m}×{n}×{k}, pre-activation");
            }
        }
    }

    /// <summary>
    /// The product's bound times the largest derivative, plus the derivative's 2e-7·max(1, |z|) times the product.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_derivative_multiplies_the_product_but_not_the_old_values(SimdLevel level, Activation activation)
    {
        using var pool = new WorkerPool(3);
        using var product = new MatrixProduct(pool, level);
        foreach ((int m, int n, int k) in ((int, int, int)[])[(3, 5, 4), (50, 96, 700), (200, 70, 64), (30, 129, 1100)])
        {
            foreach (float beta in (float[])[0f, 1f, -0.5f])
            {
                TestMatrix a = new(m, k, 1, 1), b = new(k, n, 2, 2), c = new(m, n, 1, 3), z = new(m, n, 4, 4);
                if (beta == 0f)
                    c.Fill(float.NaN);
                TestMatrix before = c.Clone();
                for (int i = 0; i < m; i++)
                    for (int j = 0; j < n; j++)
                        z[i, j] *= 4;
                fixed (float* pa = a.Values, pb = b.Values, pc = c.Values, pz = z.Values)
                {
                    product.Multiply(
                        false, false, m, n, k, 1f, pa + TestMatrix.Margin, a.Stride, pb + TestMatrix.Margin, b.Stride,
                        beta, pc + TestMatrix.Margin, c.Stride, Epilogue.Backward(activation, pz + TestMatrix.Margin, z.Stride));
                }
                (double[] expected, double[] magnitude) = Multiply(a, false, b, false, m, n, k);
                for (int i = 0; i < m; i++)
                {
                    for (int j = 0; j < n; j++)
                    {
                        double slope = VectorFunctionsTests.Reference(activation, z[i, j]).Derivative;
                        double old = beta == 0f ? 0 : beta * before[i, j];
                        double bound = (k + 5) * U * 1.13 * magnitude[i * n + j] + 2e-7 * Math.Max(1, Math.Abs(z[i, j])) * magnitude[i * n + j]
                            + 4 * U * Math.Abs(old);
                        double error = Math.Abs(c[i, j] - (expected[i * n + j] * slope + old));
                        Assert.True(error <= bound, $"{m}×{n}×{k}, beta {beta}, ({i}, {j}): off by {error}, bound {bound}");
                    }
                }
            }
        }
    }
}
