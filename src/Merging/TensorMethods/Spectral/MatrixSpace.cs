using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>The differences of one matrix of several models from its base, and the decompositions that spectral methods make of them.</summary>
/// <remarks>
/// Products run on the tensor's device in float32, decompositions in float64 on a CPU. A singular value below <see cref="Nothing"/> times the largest is a direction that the matrix
/// does not have: its vectors are round-off, and methods that give all directions the same strength would give it to noise.
/// </remarks>
internal sealed class MatrixSpace : IDisposable
{
    /// <summary>What is promised of the smallest singular values is 10⁻⁸ of the largest.</summary>
    public const double Nothing = 1e-7;

    /// <summary>Vectors of float32 depend on each other to this, however close they are.</summary>
    private const double Dependent = 1e-5;

    /// <summary>Coefficients, for which buffers are rounded up to whole cache lines.</summary>
    private const int Few = 1024;

    /// <summary>For matrices on devices that are no CPU; its threads sleep between matrices.</summary>
    private static readonly Lazy<CpuDevice> s_host = new(() => new CpuDevice());

    private readonly SingularValueSolver _solver;
    private readonly DeviceSpan<float>[] _models;
    private readonly DeviceSpan<float> _base;

    public MatrixSpace(Device device, DeviceSpan<float>[] models, DeviceSpan<float> origin, int rows, int columns)
    {
        (Device, _models, _base, Rows, Columns) = (device, models, origin, rows, columns);
        _solver = new SingularValueSolver(Host(device));
    }

    public Device Device { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Singular values of the matrix: its shorter side.</summary>
    public int Shorter => Math.Min(Rows, Columns);

    public int Models => _models.Length;

    /// <summary>Bytes that merging a matrix takes at most, beside inputs and output.</summary>
    /// <param name="device">Where the matrices are.</param>
    /// <param name="rows">Of the matrix.</param>
    /// <param name="columns">Of the matrix.</param>
    /// <param name="matrices">Matrices of that size that the method holds at one time.</param>
    public static long WorkingBytes(Device device, int rows, int columns, int matrices) =>
        (sizeof(float) * matrices * (long)rows * columns) + (sizeof(double) * ((long)rows + columns + Few)) + SingularValueSolver.WorkingBytes(rows, columns, Host(device));

    public DeviceMatrix Allocate(int rows, int columns) => new(Device, rows, columns);

    /// <summary>result ← the difference of one model.</summary>
    public void Difference(int model, Matrix result) => Device.Operations.Subtract(result.Data, _models[model], _base);

    /// <summary>result ← the sum of all differences, in float64 and rounded once.</summary>
    public void Sum(Matrix result)
    {
        using DeviceBuffer ones = Device.Allocate<double>(Models + 1);
        Device.Upload<double>([.. Enumerable.Repeat(1.0, Models), -Models], ones.AsSpan<double>());
        Device.Operations.CombineGroups(result.Data, [.. _models, _base], ones.AsSpan<double>(), 1, result.Data.Length);
    }

    /// <summary>The leading singular vectors, as many as there is room for.</summary>
    /// <param name="a">[rows, columns].</param>
    /// <param name="u">[rows, count].</param>
    /// <param name="s">[count].</param>
    /// <param name="vTransposed">[count, columns].</param>
    /// <exception cref="NotFiniteMatrixException">The matrix is not finite.</exception>
    public void Decompose(Matrix a, Matrix u, Span<float> s, Matrix vTransposed) => _solver.Decompose(a, u, s, vTransposed);

    /// <summary>The matrix with all singular values that it has replaced by their mean, in its place.</summary>
    /// <exception cref="NotFiniteMatrixException">The matrix is not finite.</exception>
    public void MakeIsotropic(Matrix a) => _solver.Isotropic(a, a, Nothing);

    /// <summary>
    /// The nearest orthonormal vectors, in their place: P·Qᵀ for A = P·D·Qᵀ. Where vectors depend on each other only the directions that they span get any: adding arbitrary ones to
    /// make up the number would put noise into a merge.
    /// </summary>
    public void MakeOrthonormal(Matrix a) => _solver.PolarFactor(a, a, Dependent);

    /// <summary>Row i of the matrix times factor i.</summary>
    public void ScaleRows(Matrix rows, ReadOnlySpan<double> factors)
    {
        using DeviceBuffer buffer = Device.Allocate<double>(factors.Length);
        Device.Upload(factors, buffer.AsSpan<double>());
        Device.Operations.CombineGroups(rows.Data, [rows.Data], buffer.AsSpan<double>(), factors.Length, rows.Columns);
    }

    public void Dispose() => _solver.Dispose();

    private static CpuDevice Host(Device device) => device as CpuDevice ?? s_host.Value;
}

/// <summary>A matrix in memory of its own.</summary>
internal sealed class DeviceMatrix(Device device, int rows, int columns) : IDisposable
{
    private readonly DeviceBuffer _buffer = device.Allocate<float>(Math.Max(1, (long)rows * columns));

    public Matrix Matrix => new(_buffer.AsSpan<float>().Slice(0, (long)rows * columns), rows, columns);

    public void Dispose() => _buffer.Dispose();
}
