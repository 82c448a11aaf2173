using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Every product with each of its matrices at the very end of accessible memory: nothing reads or writes beyond it.</summary>
public sealed unsafe class GuardedProductTests
{
    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Products_stay_within_their_matrices(SimdLevel level)
    {
        Assert.SkipUnless(GuardedMemory.IsAvailable, "Pages without access are set up by Linux's own calls.");
        using var pool = new WorkerPool(2);
        using var product = new MatrixProduct(pool, level);
        var random = new Random(3);
        for (int trial = 0; trial < 240; trial++)
        {
            // Every third is wide, so that transposed rows are packed.
            int m = trial % 3 == 0 ? random.Next(780, 820) : random.Next(1, 40), n = random.Next(1, 70), k = random.Next(1, 40);
            using GuardedMemory a = new(m * k, 1), b = new(k * n, 2), c = new(m * n, 3), z = new(m * n, 4), bias = new(n, 5);
            bool ta = (trial & 1) != 0, tb = (trial & 2) != 0;
            Epilogue epilogue = (trial & 4) != 0
                ? Epilogue.Forward(bias.Values, Activation.GeluErf, z.Values, n)
                : Epilogue.Backward(Activation.GeluTanh, z.Values, n);
            product.Multiply(ta, tb, m, n, k, 1f, a.Values, ta ? m : k, b.Values, tb ? k : n, trial % 5 == 0 ? 1f : 0f, c.Values, n, epilogue);
            Assert.True(float.IsFinite(c.Values[m * n - 1]));
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Reductions_over_samples_stay_within_their_matrices(SimdLevel level)
    {
        Assert.SkipUnless(GuardedMemory.IsAvailable, "Pages without access are set up by Linux's own calls.");
        using var pool = new WorkerPool(2);
        using var product = new MatrixProduct(pool, level);
        var random = new Random(4);
        for (int trial = 0; trial < 100; trial++)
        {
            int samples = random.Next(1, 5), rows = random.Next(1, 20), n = trial % 4 == 0 ? random.Next(780, 820) : random.Next(1, 60), k = random.Next(1, 60);
            using GuardedMemory dy = new(samples * rows * n, 1), x = new(samples * rows * k, 2), acc = new(n * k, 3), sums = new(n, 4);
            product.AddAbsolutePerSample(samples, rows, n, k, dy.Values, n, x.Values, k, acc.Values, k);
            product.AddColumnSums(samples * rows, n, dy.Values, n, sums.Values);
            product.AddAbsoluteColumnSumsPerSample(samples, rows, n, dy.Values, n, sums.Values);
            Assert.True(float.IsFinite(acc.Values[n * k - 1]) && float.IsFinite(sums.Values[n - 1]));
        }
    }
}
