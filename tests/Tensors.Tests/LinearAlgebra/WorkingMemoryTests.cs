using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>What a decomposition takes from the system, beside what is said beforehand.</summary>
public sealed class WorkingMemoryTests
{
    [Theory]
    [InlineData(300, 300, 1)]
    [InlineData(300, 300, 16)]
    [InlineData(500, 40, 2)]
    [InlineData(40, 500, 2)]
    [InlineData(450, 600, 3)]
    [InlineData(7, 9, 4)]
    public void Decompositions_take_no_more_than_is_said(int m, int n, int threads)
    {
        using var device = new CpuDevice(threads);
        using Device other = Device.Open("reference");
        int k = Math.Min(m, n);
        // The second has directions that must be made orthonormal with help.
        float[] full = TestMatrices.Random(m, n, 3), low = TestMatrices.Product(TestMatrices.Random(m, 5, 1), TestMatrices.Random(5, n, 2), m, 5, n);
        foreach (float[] a in new[] { full, low })
        {
            foreach (Device place in new[] { device, other })
            {
                using var solver = new SingularValueSolver(device);
                using DeviceBuffer data = place.Allocate<float>(a.Length), left = place.Allocate<float>((long)m * k), right = place.Allocate<float>((long)k * n);
                place.Upload<float>(a, data.AsSpan<float>());
                var matrix = new Matrix(data.AsSpan<float>(), m, n);
                solver.Decompose(matrix, new Matrix(left.AsSpan<float>(), m, k), new float[k], new Matrix(right.AsSpan<float>(), k, n));
                solver.PolarFactor(matrix, matrix);
                Assert.InRange(solver.ReservedBytes, sizeof(double) * (((long)k * k) + ((long)m * n)), SingularValueSolver.WorkingBytes(m, n, k, device, onHost: place == device));
            }
        }
    }

    /// <summary>Fewer vectors are the first of all, to the bit: what is left out of the work has no part in them.</summary>
    [Theory]
    [InlineData(260, 300, 37)]
    [InlineData(430, 450, 60)]
    public void Leading_vectors_are_those_of_the_whole_decomposition(int m, int n, int count)
    {
        float[] a = TestMatrices.Random(m, n, 4);
        SingularValueTests.Factors whole = SingularValueTests.Decompose(new CpuDevice(2), a, m, n);
        Assert.InRange(SingularValueTests.Orthogonality(whole.Vt, whole.K, n, columns: false), 0, 1e-6);
        Assert.InRange(SingularValueTests.Residual(a, whole, m, n), 0, 1e-6 * SingularValueTests.Frobenius(a));
        using var device = new CpuDevice(3);
        using var solver = new SingularValueSolver(device);
        using DeviceBuffer data = device.Allocate<float>(a.Length), left = device.Allocate<float>((long)m * count), right = device.Allocate<float>((long)count * n);
        device.Upload<float>(a, data.AsSpan<float>());
        float[] s = new float[count];
        solver.Decompose(new Matrix(data.AsSpan<float>(), m, n), new Matrix(left.AsSpan<float>(), m, count), s, new Matrix(right.AsSpan<float>(), count, n));
        Assert.Equal(whole.S[..count], s);
        Assert.Equal(whole.Vt[..(count * n)], right.AsSpan<float>().ToHost());
        float[] u = left.AsSpan<float>().ToHost();
        for (int i = 0; i < m; i++) Assert.Equal(whole.U.AsSpan(i * whole.K, count), u.AsSpan(i * count, count));
    }
}
