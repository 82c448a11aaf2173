namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>Matrices on which decompositions go wrong: all shapes, dependent rows, repeated and tiny singular values.</summary>
internal static class TestMatrices
{
    public static IReadOnlyDictionary<string, (int M, int N, float[] A)> All { get; } = Make();

    /// <summary>Elements of a normal distribution.</summary>
    public static float[] Random(int m, int n, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, m * n).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    public static float[] Product(float[] a, float[] b, int m, int k, int n)
    {
        float[] c = new float[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = 0;
                for (int p = 0; p < k; p++) sum += (double)a[(i * k) + p] * b[(p * n) + j];
                c[(i * n) + j] = (float)sum;
            }
        }

        return c;
    }

    private static Dictionary<string, (int M, int N, float[] A)> Make()
    {
        var all = new Dictionary<string, (int M, int N, float[] A)>();
        foreach ((int m, int n) in new[] { (1, 1), (1, 7), (9, 1), (2, 2), (3, 5), (31, 33), (33, 33), (64, 64), (100, 65), (65, 130), (129, 129), (400, 20), (20, 400), (200, 260) })
            all[$"random {m} x {n}"] = (m, n, Random(m, n, (m * 1000) + n));
        all["one negative number"] = (1, 1, [-3.5f]);
        all["zero 40 x 50"] = (40, 50, new float[2000]);
        all["identity 70"] = (70, 70, Fill(70, 70, (i, j) => i == j ? 1 : 0));
        all["ones 66 x 40"] = (66, 40, Fill(66, 40, (_, _) => 1));
        all["Hilbert 60"] = (60, 60, Fill(60, 60, (i, j) => 1f / (i + j + 1)));
        all["diagonal from 1 to 1e-30"] = (61, 61, Fill(61, 61, (i, j) => i == j ? MathF.Pow(10, -i / 2f) : 0));
        all["diagonal of all sizes, mixed"] = (80, 90, Fill(80, 90, (i, j) => i == j ? MathF.Pow(10, (i * 37 % 80 / 8f) - 5) * (i % 3 == 0 ? -1 : 1) : 0));
        all["huge numbers"] = (45, 40, [.. Random(45, 40, 3).Select(x => x * 1e37f)]);
        all["subnormal numbers"] = (45, 40, [.. Random(45, 40, 3).Select(x => x * 1e-41f)]);
        all["rank 5 of 90 x 110"] = (90, 110, Product(Random(90, 5, 1), Random(5, 110, 2), 90, 5, 110));
        all["rank 1 of 64 x 64"] = (64, 64, Product(Random(64, 1, 1), Random(1, 64, 2), 64, 1, 64));
        // A Hadamard matrix: orthogonal, every singular value 8; then two values, each 32 times.
        float[] hadamard = Fill(64, 64, (i, j) => (System.Numerics.BitOperations.PopCount((uint)(i & j)) & 1) == 0 ? 1 : -1);
        all["Hadamard 64"] = (64, 64, hadamard);
        all["two values, 32 times each"] = (64, 64, Product(hadamard, Fill(64, 64, (i, j) => i == j ? (i % 2 == 0 ? 3 : 1e-3f) : 0), 64, 64, 64));
        all["one large row"] = (70, 70, Fill(70, 70, (i, j) => (i == 3 ? 1e6f : 1e-3f) * MathF.Sin((i * 70) + j)));
        all["equal columns"] = (50, 48, Fill(50, 48, (i, j) => MathF.Sin((i * 16) + (j % 16))));
        all["block of zeros"] = (100, 100, Fill(100, 100, (i, j) => i < 50 && j < 50 ? MathF.Cos((i * 50) + j) : 0));
        // Some vectors that are orthogonal as they come, and some that need help.
        float[] falling = Product(Product(hadamard, Fill(64, 64, (i, j) => i == j ? MathF.Pow(10, -i / 9f) : 0), 64, 64, 64), Random(64, 100, 8), 64, 64, 100);
        all["falling from 1 to 1e-7"] = (90, 100, [.. falling, .. Random(26, 100, 2).Select(x => x * 1e-6f)]);
        all["second differences"] = (128, 128, Fill(128, 128, (i, j) => i == j ? 2 : Math.Abs(i - j) == 1 ? -1 : 0));
        return all;
    }

    private static float[] Fill(int m, int n, Func<int, int, float> value) => [.. Enumerable.Range(0, m * n).Select(i => value(i / n, i % n))];
}
