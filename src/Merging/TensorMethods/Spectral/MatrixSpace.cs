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

    private readonly CpuDevice? _own;
    private readonly SingularValueSolver _solver;
    private readonly DeviceSpan<float>[] _models;
    private readonly DeviceSpan<float> _base;

    public MatrixSpace(Device device, DeviceSpan<float>[] models, DeviceSpan<float> origin, int rows, int columns)
    {
        (Device, _models, _base, Rows, Columns) = (device, models, origin, rows, columns);
        _own = device is CpuDevice ? null : new CpuDevice();
        _solver = new SingularValueSolver(_own ?? (CpuDevice)device);
    }

    public Device Device { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Singular values of the matrix: its shorter side.</summary>
    public int Shorter => Math.Min(Rows, Columns);

    public int Models => _models.Length;

    /// <summary>Bytes that merging a matrix takes at most, beside inputs and output.</summary>
    public static long WorkingBytes(long rows, long columns)
    {
        long shorter = Math.Min(rows, columns), area = rows * columns;
        // Up to three pairs of factors and two matrices; and the solver, whose memory grows by a quarter more than it needs.
        long solver = (sizeof(double) * ((2 * area) + (6 * shorter * shorter))) + (sizeof(float) * area);
        return (sizeof(float) * ((2 * area) + (3 * (rows + columns) * shorter))) + solver + (solver / 4);
    }

    public DeviceMatrix Allocate(int rows, int columns) => new(Device, rows, columns);

    /// <summary>Difference of one model.</summary>
    public DeviceMatrix Difference(int model)
    {
        DeviceMatrix difference = Allocate(Rows, Columns);
        Device.Operations.Subtract(difference.Matrix.Data, _models[model], _base);
        return difference;
    }

    /// <summary>Sum of all differences, in float64 and rounded once.</summary>
    public DeviceMatrix Sum()
    {
        DeviceMatrix sum = Allocate(Rows, Columns);
        using DeviceBuffer ones = Device.Allocate<double>(Models + 1);
        Device.Upload<double>([.. Enumerable.Repeat(1.0, Models), -Models], ones.AsSpan<double>());
        Device.Operations.CombineGroups(sum.Matrix.Data, [.. _models, _base], ones.AsSpan<double>(), 1, sum.Matrix.Data.Length);
        return sum;
    }

    /// <summary>The leading singular vectors, all of them unless a number is given.</summary>
    /// <exception cref="ArgumentException">The matrix is not finite.</exception>
    public SingularVectors Decompose(Matrix a, int most = int.MaxValue)
    {
        int k = Math.Min(most, Math.Min(a.Rows, a.Columns));
        var found = new SingularVectors(Allocate(a.Rows, k), new float[k], Allocate(k, a.Columns));
        try
        {
            _solver.Decompose(a, found.U.Matrix, found.S, found.Vt.Matrix);
            return found;
        }
        catch
        {
            found.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The nearest orthonormal vectors: P·Qᵀ for A = P·D·Qᵀ. Where vectors depend on each other only the directions that they span get any: adding arbitrary ones to make up the
    /// number would put noise into a merge.
    /// </summary>
    public DeviceMatrix Orthonormal(Matrix a)
    {
        using SingularVectors vectors = Decompose(a);
        int rank = vectors.CountAbove(Dependent);
        DeviceMatrix result = Allocate(a.Rows, a.Columns);
        Device.Operations.MatrixProduct(result.Matrix, vectors.U.Matrix.SliceColumns(0, rank), vectors.Vt.Matrix.SliceRows(0, rank));
        return result;
    }

    /// <summary>Row i of the matrix times factor i.</summary>
    public void ScaleRows(Matrix rows, ReadOnlySpan<double> factors)
    {
        using DeviceBuffer buffer = Device.Allocate<double>(factors.Length);
        Device.Upload(factors, buffer.AsSpan<double>());
        Device.Operations.CombineGroups(rows.Data, [rows.Data], buffer.AsSpan<double>(), factors.Length, rows.Columns);
    }

    public void Dispose()
    {
        _solver.Dispose();
        _own?.Dispose();
    }
}

/// <summary>A matrix in memory of its own.</summary>
internal sealed class DeviceMatrix(Device device, int rows, int columns) : IDisposable
{
    private readonly DeviceBuffer _buffer = device.Allocate<float>(Math.Max(1, (long)rows * columns));

    public Matrix Matrix => new(_buffer.AsSpan<float>().Slice(0, (long)rows * columns), rows, columns);

    public void Dispose() => _buffer.Dispose();
}

/// <summary>A = U·diag(s)·Vᵀ.</summary>
internal sealed record SingularVectors(DeviceMatrix U, float[] S, DeviceMatrix Vt) : IDisposable
{
    /// <summary>Singular values above a share of the largest.</summary>
    public int CountAbove(double share) => S.Length == 0 || S[0] == 0 ? 0 : S.Count(s => s > share * S[0]);

    public void Dispose()
    {
        U.Dispose();
        Vt.Dispose();
    }
}
