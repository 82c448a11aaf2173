using MergeEngine.Merging.TensorMethods.Parts;
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

    /// <summary>Numbers of a matrix that a product copies at one time.</summary>
    private const long MostPacked = 2 << 20;

    /// <summary>For matrices on devices that are no CPU; its threads sleep between matrices.</summary>
    private static readonly Lazy<CpuDevice> s_host = new(() => new CpuDevice());

    private readonly DeviceSpan<float>[] _models;
    private readonly DeviceSpan<float> _base;
    private readonly CancellationToken _cancellation;

    /// <param name="task">The tensor.</param>
    /// <param name="models">The matrix in each model.</param>
    /// <param name="origin">The same in the base.</param>
    /// <param name="rows">Of the matrix.</param>
    /// <param name="columns">Of the matrix.</param>
    public MatrixSpace(TensorTask task, DeviceSpan<float>[] models, DeviceSpan<float> origin, int rows, int columns)
    {
        (Device, _models, _base, Rows, Columns, _cancellation) = (task.Device, models, origin, rows, columns, task.Cancellation);
        Solver = NewSolver();
        Team = CanBeHelped(task.Device) ? task.Team ?? new DeviceTeam((CpuDevice)task.Device) : null;
    }

    public Device Device { get; }

    /// <summary>For the thread that merges.</summary>
    public SingularValueSolver Solver { get; }

    /// <summary>The threads for parts that do not wait for each other; null where the caller's is the only one.</summary>
    public MergeTeam? Team { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Singular values of the matrix: its shorter side.</summary>
    public int Shorter => Math.Min(Rows, Columns);

    public int Models => _models.Length;

    /// <summary>Whether several threads can work with what lies on a device.</summary>
    public static bool CanBeHelped(Device device) => device is CpuDevice { Threads: > 1 };

    /// <summary>Bytes that a thread takes at most, beside inputs and output.</summary>
    /// <param name="device">Where the matrices are.</param>
    /// <param name="rows">Of the matrix.</param>
    /// <param name="columns">Of the matrix.</param>
    /// <param name="count">Most singular vectors of one decomposition.</param>
    /// <param name="numbers">In float32 that it holds beside decompositions at one time.</param>
    public static long WorkingBytes(Device device, int rows, int columns, int count, long numbers) =>
        (sizeof(float) * numbers) + (sizeof(double) * ((long)rows + columns + Few)) + SingularValueSolver.WorkingBytes(rows, columns, count, Host(device), device.IsHostMemory);

    /// <summary>Bytes that a processor's product of such matrices holds for each thread that works alone: a copy of one of them, in pieces.</summary>
    public static long ProductBytes(Device device, int rows, int columns) => device is CpuDevice ? sizeof(float) * Math.Min((long)rows * columns, MostPacked) * 5 / 4 : 0;

    public DeviceMatrix Allocate(int rows, int columns) => new(Device, rows, columns);

    /// <summary>result ← the difference of one model.</summary>
    public void Difference(int model, Matrix result) => Device.Operations.Subtract(result.Data, _models[model], _base);

    /// <summary>result ← the sum of all differences, in float64 and rounded once.</summary>
    public void Sum(Matrix result) => SpectralMethods.SumOf(Device, result.Data, _models, _base);

    /// <summary>For another thread.</summary>
    public SingularValueSolver NewSolver() => new(Host(Device), _cancellation);

    /// <summary>The matrix with all singular values that it has replaced by their mean, in its place.</summary>
    /// <exception cref="NotFiniteMatrixException">The matrix is not finite.</exception>
    public void MakeIsotropic(Matrix a) => Solver.Isotropic(a, a, Nothing);

    /// <summary>
    /// The nearest orthonormal vectors of two matrices, in their place: P·Qᵀ for A = P·D·Qᵀ. Where vectors depend on each other only the directions that they span get any: adding
    /// arbitrary ones to make up the number would put noise into a merge.
    /// </summary>
    public void MakeOrthonormal(Matrix a, Matrix b)
    {
        // The one that takes longer first.
        if (a.Data.Length < b.Data.Length) (a, b) = (b, a);
        var own = new PolarWorker(Solver, isOwn: true, a, b);
        if (Team is not null && Device is CpuDevice { IsOnCallingThread: true })
        {
            Team.Run(new PartGroup(2, WorkingBytes(Device, Rows, Columns, Shorter, 0), () => new PolarWorker(NewSolver(), isOwn: false, a, b)), own);
            return;
        }

        // All threads on each.
        own.Do(0);
        own.Do(1);
    }

    /// <summary>Row i of the matrix times factor i.</summary>
    public void ScaleRows(Matrix rows, ReadOnlySpan<double> factors)
    {
        using DeviceBuffer buffer = Device.Allocate<double>(factors.Length);
        Device.Upload(factors, buffer.AsSpan<double>());
        Device.Operations.CombineGroups(rows.Data, [rows.Data], buffer.AsSpan<double>(), factors.Length, rows.Columns);
    }

    public void Dispose() => Solver.Dispose();

    private static CpuDevice Host(Device device) => device as CpuDevice ?? s_host.Value;

    private sealed class PolarWorker(SingularValueSolver solver, bool isOwn, Matrix first, Matrix second) : IPartWorker
    {
        public void Do(int part)
        {
            Matrix matrix = part == 0 ? first : second;
            solver.PolarFactor(matrix, matrix, Dependent);
        }

        public void Dispose()
        {
            if (!isOwn) solver.Dispose();
        }
    }
}

/// <summary>A matrix in memory of its own.</summary>
internal sealed class DeviceMatrix(Device device, int rows, int columns) : IDisposable
{
    private readonly DeviceBuffer _buffer = device.Allocate<float>(Math.Max(1, (long)rows * columns));

    public Matrix Matrix => new(_buffer.AsSpan<float>().Slice(0, (long)rows * columns), rows, columns);

    public void Dispose() => _buffer.Dispose();
}
