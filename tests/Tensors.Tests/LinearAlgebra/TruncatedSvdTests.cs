using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>Leading singular values by subspace iteration against the whole decomposition, on every kind of device.</summary>
public sealed class TruncatedSvdTests
{
    public static TheoryData<string> Devices { get; } = new(DeviceCases.Kinds);

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_matrix_of_low_rank_with_noise_is_approximated_as_well_as_can_be(string name)
    {
        const int m = 150, n = 110, rank = 8;
        float[] noise = TestMatrices.Random(m, n, 9), low = TestMatrices.Product(TestMatrices.Random(m, rank, 1), TestMatrices.Random(rank, n, 2), m, rank, n);
        float[] a = [.. low.Zip(noise, (x, e) => x + (0.01f * e))];
        SingularValueTests.Factors whole = SingularValueTests.Decompose(new CpuDevice(1), a, m, n), found = Truncate(name, a, m, n, rank);
        Assert.InRange(SingularValueTests.Orthogonality(found.U, m, rank, columns: true), 0, 2e-6);
        Assert.InRange(SingularValueTests.Orthogonality(found.Vt, rank, n, columns: false), 0, 2e-6);
        double best = Math.Sqrt(whole.S.Skip(rank).Sum(x => (double)x * x));
        // The gap between σ₈ and σ₉ is above 100, so what is left is the error of float32 products.
        Assert.InRange(SingularValueTests.Residual(a, found, m, n) / best, 1 - 1e-5, 1 + 1e-4);
        for (int i = 0; i < rank; i++) Assert.InRange(found.S[i] - whole.S[i], -2e-6 * whole.S[0], 2e-6 * whole.S[0]);
    }

    [Fact]
    public void Without_a_gap_the_error_keeps_the_stated_bound()
    {
        const int m = 130, n = 140, rank = 10, p = 20, steps = 8;
        float[] a = TestMatrices.Random(m, n, 4);
        SingularValueTests.Factors whole = SingularValueTests.Decompose(new CpuDevice(1), a, m, n), found = Truncate("cpu", a, m, n, rank);
        float[] rest = [.. a];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                for (int r = 0; r < rank; r++) rest[(i * n) + j] -= found.U[(i * rank) + r] * found.S[r] * found.Vt[(r * n) + j];
            }
        }

        double factor = Math.Pow(1 + Math.Sqrt(rank / (p - rank - 1.0)) + (Math.E * Math.Sqrt(p) / (p - rank) * Math.Sqrt(m - rank)), 1.0 / ((2 * steps) + 1));
        Assert.InRange(SingularValueTests.Decompose(new CpuDevice(1), rest, m, n).S[0] / whole.S[rank], 1 - 1e-5, factor);
    }

    [Fact]
    public void A_large_part_of_the_singular_values_is_the_whole_decomposition_cut()
    {
        float[] a = TestMatrices.Random(40, 30, 6);
        SingularValueTests.Factors whole = SingularValueTests.Decompose(new CpuDevice(1), a, 40, 30), found = Truncate("cpu", a, 40, 30, 12);
        Assert.Equal(whole.S[..12], found.S);
        Assert.Equal(whole.Vt[..(12 * 30)], found.Vt);
    }

    [Fact]
    public void A_matrix_of_smaller_rank_has_zeros_and_orthonormal_vectors()
    {
        float[] a = TestMatrices.Product(TestMatrices.Random(90, 3, 1), TestMatrices.Random(3, 100, 2), 90, 3, 100);
        SingularValueTests.Factors found = Truncate("cpu", a, 90, 100, 6);
        Assert.InRange(SingularValueTests.Orthogonality(found.U, 90, 6, columns: true), 0, 2e-6);
        Assert.InRange(SingularValueTests.Residual(a, found, 90, 100), 0, 3e-6 * SingularValueTests.Frobenius(a));
        Assert.All(found.S[3..], s => Assert.InRange(s, 0, 1e-6 * found.S[0]));
    }

    [Fact]
    public void What_has_no_such_singular_values_is_refused()
    {
        float[] a = TestMatrices.Random(80, 70, 1);
        Assert.Contains("A matrix of 80 x 70 has no 71 singular values.", Assert.Throws<ArgumentException>(() => Truncate("cpu", a, 80, 70, 71)).Message, StringComparison.Ordinal);
        a[5] = float.NaN;
        Assert.Contains("not finite", Assert.Throws<NotFiniteMatrixException>(() => Truncate("cpu", a, 80, 70, 2)).Message, StringComparison.Ordinal);
    }

    private static SingularValueTests.Factors Truncate(string name, float[] a, int m, int n, int rank)
    {
        using Device device = DeviceCases.Open(name, 2);
        using var host = new CpuDevice(2);
        using var svd = new TruncatedSvd(host);
        using DeviceBuffer input = device.Allocate<float>(a.Length), left = device.Allocate<float>((long)m * rank), right = device.Allocate<float>((long)rank * n);
        device.Upload<float>(a, input.AsSpan<float>());
        float[] s = new float[rank];
        svd.Decompose(new Matrix(input.AsSpan<float>(), m, n), new Matrix(left.AsSpan<float>(), m, rank), s, new Matrix(right.AsSpan<float>(), rank, n));
        return new SingularValueTests.Factors(left.AsSpan<float>().ToHost(), s, right.AsSpan<float>().ToHost());
    }
}
