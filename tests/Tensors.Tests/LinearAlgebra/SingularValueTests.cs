using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>Singular value decompositions against one-sided Jacobi in float64, known matrices, and what every decomposition must satisfy.</summary>
public sealed class SingularValueTests
{
    public static TheoryData<string> Matrices { get; } = new(TestMatrices.All.Keys);

    /// <summary>Those for which the reference takes no more than a moment.</summary>
    public static TheoryData<string> SmallMatrices { get; } = new(TestMatrices.All.Where(matrix => Math.Min(matrix.Value.M, matrix.Value.N) <= 130).Select(matrix => matrix.Key));

    [Theory]
    [MemberData(nameof(Matrices))]
    public void Factors_are_orthonormal_and_give_the_matrix_back(string name)
    {
        (int m, int n, float[] a) = TestMatrices.All[name];
        Factors found = Decompose(new CpuDevice(3), a, m, n);
        // Half a unit of float32 in each element of U and V: 3e-8 relative, at most 1e-7 in a product of two columns.
        Assert.InRange(Orthogonality(found.U, m, found.K, columns: true), 0, 1e-6);
        Assert.InRange(Orthogonality(found.Vt, found.K, n, columns: false), 0, 1e-6);
        // Singular values below the smallest normal number are stored with an absolute error.
        Assert.InRange(Residual(a, found, m, n), 0, (1e-6 * Frobenius(a)) + (found.K * float.Epsilon));
        for (int i = 1; i < found.K; i++) Assert.True(found.S[i] <= found.S[i - 1] && found.S[i] >= 0, $"s[{i}] = {found.S[i]} after {found.S[i - 1]}.");
    }

    [Theory]
    [MemberData(nameof(SmallMatrices))]
    public void Singular_values_are_those_of_jacobi_to_the_last_places_of_the_largest(string name)
    {
        (int m, int n, float[] a) = TestMatrices.All[name];
        Factors found = Decompose(new CpuDevice(2), a, m, n);
        double[] expected = JacobiReference.SingularValues(a, m, n);
        // Two units in the last place of a float32 of the largest: one for the rounding of the result, one for the squares of the Gram matrix; the smallest float32 beside.
        double bound = (expected[0] * Math.ScaleB(1, -22)) + float.Epsilon;
        for (int i = 0; i < expected.Length; i++) Assert.InRange(found.S[i] - expected[i], -bound, bound);
    }

    [Fact]
    public void Factors_have_the_same_bits_for_every_number_of_threads_and_vector_width()
    {
        foreach ((int m, int n) in new[] { (150, 150), (90, 260), (300, 70) })
        {
            float[] a = TestMatrices.Random(m, n, 11);
            Factors expected = Decompose(new CpuDevice(1), a, m, n);
            foreach (string name in DeviceCases.Names.Where(name => !DeviceCases.IsCuda(name)))
            {
                Factors found = Decompose((CpuDevice)DeviceCases.Open(name), a, m, n);
                Assert.Equal(expected.S, found.S);
                Assert.Equal(expected.U, found.U);
                Assert.Equal(expected.Vt, found.Vt);
            }
        }
    }

    /// <summary>σ₁ = 3·√(m·n) and nothing else: reflections leave a tridiagonal matrix with elements whose squares are 0 in float64.</summary>
    [Theory]
    [InlineData(640, 512)]
    [InlineData(100, 130)]
    [InlineData(1000, 1)]
    public void A_matrix_of_one_number_has_one_singular_value(int m, int n)
    {
        float[] a = new float[m * n];
        Array.Fill(a, 3);
        Factors found = Decompose(new CpuDevice(2), a, m, n);
        double largest = 3 * Math.Sqrt((double)m * n);
        Assert.InRange(found.S[0] / largest, 1 - 1e-7, 1 + 1e-7);
        Assert.All(found.S.Skip(1), s => Assert.InRange(s / largest, 0, 1e-7));
        Assert.InRange(Residual(a, found, m, n) / largest, 0, 1e-6);
    }

    [Fact]
    public void The_best_approximation_of_a_rank_has_the_error_of_eckart_and_young()
    {
        const int m = 120, n = 80, rank = 17;
        float[] a = TestMatrices.Random(m, n, 5);
        Factors found = Decompose(new CpuDevice(2), a, m, n);
        Factors cut = found with { S = [.. found.S.Select((s, i) => i < rank ? s : 0)] };
        double expected = Math.Sqrt(found.S.Skip(rank).Sum(s => (double)s * s));
        Assert.InRange(Residual(a, cut, m, n) / expected, 1 - 1e-6, 1 + 1e-6);
    }

    [Theory]
    [InlineData("random 100 x 65")]
    [InlineData("random 65 x 130")]
    [InlineData("random 64 x 64")]
    [InlineData("two values, 32 times each")]
    [InlineData("rank 5 of 90 x 110")]
    public void The_polar_factor_is_orthonormal_and_leaves_a_symmetric_rest(string name)
    {
        (int m, int n, float[] a) = TestMatrices.All[name];
        using var cpu = new CpuDevice(2);
        using var solver = new SingularValueSolver(cpu);
        using DeviceBuffer input = cpu.Allocate<float>(a.Length);
        cpu.Upload<float>(a, input.AsSpan<float>());
        var matrix = new Matrix(input.AsSpan<float>(), m, n);
        solver.PolarFactor(matrix, matrix);
        float[] q = input.AsSpan<float>().ToHost();
        Assert.InRange(Orthogonality(q, m, n, columns: m >= n), 0, 1e-6);
        Assert.InRange(Asymmetry(q, a, m, n), 0, 1e-6 * Frobenius(a));
    }

    /// <summary>The leading vectors alone are those of the whole decomposition, to their rounding where singular values lie apart.</summary>
    [Theory]
    [InlineData(60, 60, 7)]
    [InlineData(40, 90, 40)]
    [InlineData(150, 33, 1)]
    public void Leading_vectors_alone_are_those_of_the_whole(int m, int n, int count)
    {
        using var device = new CpuDevice(2);
        using var solver = new SingularValueSolver(device);
        int k = Math.Min(m, n);
        using DeviceBuffer input = device.Allocate<float>(m * n), left = device.Allocate<float>(m * k), right = device.Allocate<float>(k * n), some = device.Allocate<float>(m * count), others = device.Allocate<float>(count * n);
        TestMatrices.Random(m, n, 5).CopyTo(input.AsSpan<float>().HostSpan);
        var a = new Matrix(input.AsSpan<float>(), m, n);
        float[] s = new float[k], leading = new float[count];
        solver.Decompose(a, new Matrix(left.AsSpan<float>(), m, k), s, new Matrix(right.AsSpan<float>(), k, n));
        solver.Decompose(a, new Matrix(some.AsSpan<float>(), m, count), leading, new Matrix(others.AsSpan<float>(), count, n));
        Assert.Equal(s[..count], leading);
        for (int c = 0; c < count; c++)
        {
            for (int i = 0; i < m; i++) Assert.Equal(left.AsSpan<float>().HostSpan[(i * k) + c], some.AsSpan<float>().HostSpan[(i * count) + c], 1e-6f);
            for (int j = 0; j < n; j++) Assert.Equal(right.AsSpan<float>().HostSpan[(c * n) + j], others.AsSpan<float>().HostSpan[(c * n) + j], 1e-6f);
        }
    }

    [Fact]
    public void Zero_elements_give_no_singular_values()
    {
        Assert.Empty(Decompose(new CpuDevice(1), [], 0, 5).S);
        Assert.Empty(Decompose(new CpuDevice(1), [], 3, 0).S);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_matrix_that_is_not_finite_is_refused(float value)
    {
        float[] a = new float[12];
        a[7] = value;
        string message = Assert.Throws<NotFiniteMatrixException>(() => Decompose(new CpuDevice(1), a, 3, 4)).Message;
        Assert.StartsWith($"Element [1, 3] of a matrix of 3 x 4 is {value}: only finite matrices have singular values.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Strided_matrices_of_any_device_are_decomposed()
    {
        float[] a = TestMatrices.Random(20, 30, 3);
        using var cpu = new CpuDevice(1);
        using Device other = Device.Open("reference");
        using DeviceBuffer data = other.Allocate<float>(20 * 40), left = other.Allocate<float>(20 * 25), right = other.Allocate<float>(20 * 35);
        var matrix = new Matrix(data.AsSpan<float>().Slice(0, (19 * 40) + 30), 20, 30, 40);
        var u = new Matrix(left.AsSpan<float>().Slice(0, (19 * 25) + 20), 20, 20, 25);
        var vt = new Matrix(right.AsSpan<float>().Slice(0, (19 * 35) + 30), 20, 30, 35);
        for (int i = 0; i < 20; i++) other.Upload<float>(a.AsSpan(i * 30, 30), data.AsSpan<float>().Slice(i * 40, 30));
        using var solver = new SingularValueSolver(cpu);
        float[] s = new float[20];
        solver.Decompose(matrix, u, s, vt);
        Factors expected = Decompose(new CpuDevice(2), a, 20, 30);
        Assert.Equal(expected.S, s);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(expected.U.AsSpan(i * 20, 20), u.SliceRows(i, 1).Data.HostSpan);
            Assert.Equal(expected.Vt.AsSpan(i * 30, 30), vt.SliceRows(i, 1).Data.HostSpan);
        }

        Assert.Throws<ArgumentException>(() => solver.Decompose(matrix, vt, s, vt));
        Assert.Throws<ArgumentException>(() => solver.Decompose(matrix, u, s.AsSpan(1), vt));
    }

    internal sealed record Factors(float[] U, float[] S, float[] Vt)
    {
        public int K => S.Length;
    }

    internal static Factors Decompose(CpuDevice device, float[] a, int m, int n)
    {
        int k = Math.Min(m, n);
        using (device)
        using (var solver = new SingularValueSolver(device))
        using (DeviceBuffer input = device.Allocate<float>(a.Length), left = device.Allocate<float>((long)m * k), right = device.Allocate<float>((long)k * n))
        {
            device.Upload<float>(a, input.AsSpan<float>());
            float[] s = new float[k];
            solver.Decompose(new Matrix(input.AsSpan<float>(), m, n), new Matrix(left.AsSpan<float>(), m, k), s, new Matrix(right.AsSpan<float>(), k, n));
            return new Factors(left.AsSpan<float>().ToHost(), s, right.AsSpan<float>().ToHost());
        }
    }

    /// <summary>The largest element of QᵀQ − I, or QQᵀ − I.</summary>
    internal static double Orthogonality(float[] q, int rows, int stride, bool columns)
    {
        int count = columns ? stride : rows, length = columns ? rows : stride;
        double worst = 0;
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = 0;
                for (int p = 0; p < length; p++) sum += columns ? (double)q[(p * stride) + i] * q[(p * stride) + j] : (double)q[(i * stride) + p] * q[(j * stride) + p];
                worst = Math.Max(worst, Math.Abs(sum - (i == j ? 1 : 0))); // Max keeps a NaN.
            }
        }

        return worst;
    }

    /// <summary>‖A − U·diag(s)·Vᵀ‖ (Frobenius).</summary>
    internal static double Residual(float[] a, Factors f, int m, int n)
    {
        double sum = 0;
        double[] row = new double[n];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++) row[j] = -a[(i * n) + j];
            for (int p = 0; p < f.K; p++)
            {
                double factor = (double)f.U[(i * f.K) + p] * f.S[p];
                if (factor == 0) continue;
                for (int j = 0; j < n; j++) row[j] += factor * f.Vt[(p * n) + j];
            }

            sum += row.Sum(x => x * x);
        }

        return Math.Sqrt(sum);
    }

    /// <summary>The largest difference of H and Hᵀ, where H = QᵀA (or AQᵀ for a wide A) is symmetric and has no negative eigenvalue if Q is the polar factor.</summary>
    internal static double Asymmetry(float[] q, float[] a, int m, int n)
    {
        int k = Math.Min(m, n), longer = Math.Max(m, n);
        double[,] h = new double[k, k];
        for (int i = 0; i < k; i++)
        {
            for (int j = 0; j < k; j++)
            {
                for (int p = 0; p < longer; p++) h[i, j] += m >= n ? (double)q[(p * n) + i] * a[(p * n) + j] : (double)q[(i * n) + p] * a[(j * n) + p];
            }
        }

        double worst = 0;
        for (int i = 0; i < k; i++)
        {
            Assert.True(h[i, i] >= -1e-5 * Frobenius(a), $"H[{i}, {i}] = {h[i, i]}.");
            for (int j = 0; j < i; j++) worst = Math.Max(worst, Math.Abs(h[i, j] - h[j, i]));
        }

        return worst;
    }

    internal static double Frobenius(float[] a) => Math.Sqrt(a.Sum(x => (double)x * x));
}
