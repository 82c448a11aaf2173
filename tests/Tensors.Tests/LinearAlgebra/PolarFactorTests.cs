using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>Polar factors against Newton's iteration in float64, which shares nothing with the engine's way, and against what defines them.</summary>
public sealed class PolarFactorTests
{
    public static TheoryData<string> Matrices { get; } = new(TestMatrices.All.Where(matrix => matrix.Value.M * matrix.Value.N < 70_000).Select(matrix => matrix.Key));

    /// <summary>QᵀQ = 1, and H = QᵀA is symmetric without a negative eigenvalue: its trace is the sum of all singular values only then.</summary>
    [Theory]
    [MemberData(nameof(Matrices))]
    public void The_factor_is_orthonormal_and_what_is_left_is_positive(string name)
    {
        (int m, int n, float[] a) = TestMatrices.All[name];
        (float[] q, int rank, _) = Polar(new CpuDevice(2), a, m, n);
        Assert.Equal(Math.Min(m, n), rank);
        Assert.InRange(SingularValueTests.Orthogonality(q, m, n, columns: m >= n), 0, 1e-6);
        double norm = SingularValueTests.Frobenius(a);
        // Elements of Q are rounded by 2⁻²⁴ of a row's length each; with H as many are added up as a column has.
        Assert.InRange(SingularValueTests.Asymmetry(q, a, m, n), 0, (1e-6 * norm) + (m * float.Epsilon));
        double trace = q.Zip(a, (x, y) => (double)x * y).Sum(), sum = JacobiReference.SingularValues(a, m, n).Sum();
        Assert.InRange(trace - sum, -(2e-6 * norm * Math.Sqrt(rank)) - float.Epsilon, (2e-6 * norm * Math.Sqrt(rank)) + float.Epsilon);
    }

    /// <summary>2⁻⁵³ times the square of the condition, some ten times over, and the rounding of the result: less than what rounding the matrix to float32 does, 2⁻²⁴ times the condition.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(8e3)]
    [InlineData(2e4)]
    [InlineData(1e6)]
    public void The_error_keeps_the_stated_bound(double condition)
    {
        const int n = 48;
        float[] left = Rotation(n, 1), right = Rotation(n, 2), graded = [.. left];
        for (int i = 0; i < graded.Length; i++) graded[i] *= (float)Math.Pow(condition, -(i % n) / (n - 1.0));
        float[] a = TestMatrices.Product(graded, right, n, n, n);
        double[] expected = NewtonPolar(a, n), singular = JacobiReference.SingularValues(a, n, n);
        double real = singular[0] / singular[^1], bound = (16 * Math.ScaleB(1, -53) * real * real) + Math.ScaleB(1, -23);
        Assert.InRange(real, 0.9 * condition, 2 * condition);
        float[] q = Polar(new CpuDevice(2), a, n, n).Q;
        Assert.InRange(expected.Zip(q, (x, y) => Math.Abs(x - y)).Max(), 0, bound);
    }

    /// <summary>A·B with integers, so that the rest of the singular values are zeros: Q is an isometry on the row space of A and zero beside it.</summary>
    [Theory]
    [InlineData(90, 110)]
    [InlineData(110, 90)]
    [InlineData(64, 64)]
    public void Directions_that_a_matrix_does_not_have_can_stay_out(int m, int n)
    {
        const int rank = 5;
        float[] a = TestMatrices.Product(Rounded(m, rank, 1), Rounded(rank, n, 2), m, rank, n);
        (float[] q, int found, double mean) = Polar(new CpuDevice(2), a, m, n, 1e-7);
        double[] singular = JacobiReference.SingularValues(a, m, n);
        Assert.Equal(rank, found);
        Assert.InRange(mean / singular.Take(rank).Average(), 1 - 1e-7, 1 + 1e-7);
        double[] own = JacobiReference.SingularValues(q, m, n);
        for (int i = 0; i < own.Length; i++) Assert.InRange(own[i], i < rank ? 1 - 1e-6 : 0, i < rank ? 1 + 1e-6 : 1e-6);
        Assert.InRange(q.Zip(a, (x, y) => (double)x * y).Sum() / singular.Sum(), 1 - 1e-6, 1 + 1e-6);
    }

    [Fact]
    public void Of_values_from_1_to_1e_30_those_above_the_share_take_part()
    {
        (int m, int n, float[] a) = TestMatrices.All["diagonal from 1 to 1e-30"];
        foreach ((double least, int rank) in new[] { (2e-7, 14), (2e-3, 6), (0.5, 1) })
        {
            (float[] q, int found, double mean) = Polar(new CpuDevice(1), a, m, n, least);
            Assert.Equal(rank, found);
            for (int i = 0; i < q.Length; i++) Assert.InRange(q[i] - (i / n == i % n && i / n < rank ? 1 : 0), -1e-6f, 1e-6f);
            Assert.InRange(mean / Enumerable.Range(0, rank).Average(i => Math.Pow(10, -i / 2.0)), 1 - 1e-6, 1 + 1e-6);
        }

        (float[] none, int zero, double nothing) = Polar(new CpuDevice(1), new float[12], 3, 4, 1e-7);
        Assert.Equal((0, 0.0), (zero, nothing));
        Assert.All(none, x => Assert.Equal(0, x));
    }

    [Theory]
    [InlineData(-100)]
    [InlineData(100)]
    public void A_power_of_two_changes_no_bit_of_the_factor(int exponent)
    {
        float[] a = TestMatrices.Random(33, 40, 6), scaled = [.. a.Select(x => MathF.ScaleB(x, exponent))];
        (float[] q, _, double mean) = Polar(new CpuDevice(2), a, 33, 40);
        (float[] other, _, double otherMean) = Polar(new CpuDevice(2), scaled, 33, 40);
        Assert.Equal(q, other);
        Assert.Equal(Math.ScaleB(mean, exponent), otherMean);
    }

    [Theory]
    [InlineData(70, 90)]
    [InlineData(90, 70)]
    public void An_isotropic_matrix_is_the_factor_times_the_mean(int m, int n)
    {
        float[] a = TestMatrices.Random(m, n, 8);
        (float[] q, _, double mean) = Polar(new CpuDevice(2), a, m, n);
        Assert.InRange(mean / JacobiReference.SingularValues(a, m, n).Average(), 1 - 1e-7, 1 + 1e-7);
        using var device = new CpuDevice(2);
        using var solver = new SingularValueSolver(device);
        using DeviceBuffer data = device.Allocate<float>(a.Length);
        device.Upload<float>(a, data.AsSpan<float>());
        var matrix = new Matrix(data.AsSpan<float>(), m, n);
        Assert.Equal((Math.Min(m, n), mean), solver.Isotropic(matrix, matrix));
        // Each is rounded once: half a unit in the last place of an element, at most 1.
        foreach ((float expected, float found) in q.Zip(data.AsSpan<float>().ToHost())) Assert.InRange(found - (mean * expected), -1.2e-7 * mean, 1.2e-7 * mean);
    }

    [Fact]
    public void Factors_have_the_same_bits_for_every_number_of_threads_and_vector_width()
    {
        foreach ((int m, int n, double least) in new[] { (420, 420, 0.0), (90, 260, 1e-7), (410, 440, 1e-7) })
        {
            float[] a = TestMatrices.Random(m, n, 12), expected = Polar(new CpuDevice(1), a, m, n, least).Q;
            foreach (string name in DeviceCases.Names.Where(name => !DeviceCases.IsCuda(name)))
                Assert.Equal(expected, Polar((CpuDevice)DeviceCases.Open(name), a, m, n, least).Q);
        }
    }

    [Fact]
    public void A_matrix_that_is_not_finite_is_refused()
    {
        float[] a = TestMatrices.Random(5, 6, 1);
        a[9] = float.NegativeInfinity;
        Assert.StartsWith(
            "Element [1, 3] of a matrix of 5 x 6 is -Infinity: only finite matrices have singular values.",
            Assert.Throws<NotFiniteMatrixException>(() => Polar(new CpuDevice(1), a, 5, 6)).Message,
            StringComparison.Ordinal);
    }

    private static (float[] Q, int Rank, double Mean) Polar(CpuDevice device, float[] a, int m, int n, double least = 0)
    {
        using (device)
        using (var solver = new SingularValueSolver(device))
        using (DeviceBuffer data = device.Allocate<float>(a.Length))
        {
            device.Upload<float>(a, data.AsSpan<float>());
            var matrix = new Matrix(data.AsSpan<float>(), m, n);
            (int rank, double mean) = solver.PolarFactor(matrix, matrix, least);
            return (data.AsSpan<float>().ToHost(), rank, mean);
        }
    }

    private static float[] Rounded(int m, int n, int seed) => [.. TestMatrices.Random(m, n, seed).Select(x => MathF.Round(8 * x))];

    /// <summary>The polar factor of a random matrix, for a start.</summary>
    private static float[] Rotation(int n, int seed) => [.. NewtonPolar(TestMatrices.Random(n, n, seed), n).Select(x => (float)x)];

    /// <summary>X ← (γ·X + X⁻ᵀ/γ)/2 with Higham's scaling (Computing the Polar Decomposition, 1986), until it stands.</summary>
    private static double[] NewtonPolar(float[] a, int n)
    {
        double[] x = [.. a.Select(v => (double)v)];
        for (int step = 0; step < 30; step++)
        {
            double[] inverse = Inverse(x, n);
            double gamma = Math.Sqrt(Math.Sqrt(Norms(inverse, n) / Norms(x, n))), change = 0;
            if (Math.Abs(gamma - 1) < 1e-2) gamma = 1;
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    double next = ((gamma * x[(i * n) + j]) + (inverse[(j * n) + i] / gamma)) / 2;
                    change = Math.Max(change, Math.Abs(next - x[(i * n) + j]));
                    x[(i * n) + j] = next;
                }
            }

            if (change < 1e-14) return x;
        }

        return x;
    }

    /// <summary>‖x‖₁·‖x‖∞.</summary>
    private static double Norms(double[] x, int n) =>
        Enumerable.Range(0, n).Max(i => Enumerable.Range(0, n).Sum(j => Math.Abs(x[(i * n) + j]))) * Enumerable.Range(0, n).Max(j => Enumerable.Range(0, n).Sum(i => Math.Abs(x[(i * n) + j])));

    /// <summary>Gauss and Jordan with pivots from the column.</summary>
    private static double[] Inverse(double[] a, int n)
    {
        double[] x = [.. a], y = [.. Enumerable.Range(0, n * n).Select(i => i / n == i % n ? 1.0 : 0)];
        for (int c = 0; c < n; c++)
        {
            int pivot = Enumerable.Range(c, n - c).MaxBy(i => Math.Abs(x[(i * n) + c]));
            for (int j = 0; j < n; j++)
            {
                (x[(c * n) + j], x[(pivot * n) + j]) = (x[(pivot * n) + j], x[(c * n) + j]);
                (y[(c * n) + j], y[(pivot * n) + j]) = (y[(pivot * n) + j], y[(c * n) + j]);
            }

            double unit = 1 / x[(c * n) + c];
            for (int j = 0; j < n; j++) (x[(c * n) + j], y[(c * n) + j]) = (x[(c * n) + j] * unit, y[(c * n) + j] * unit);
            for (int i = 0; i < n; i++)
            {
                double factor = i == c ? 0 : x[(i * n) + c];
                for (int j = 0; j < n && factor != 0; j++) (x[(i * n) + j], y[(i * n) + j]) = (x[(i * n) + j] - (factor * x[(c * n) + j]), y[(i * n) + j] - (factor * y[(c * n) + j]));
            }
        }

        return y;
    }
}
