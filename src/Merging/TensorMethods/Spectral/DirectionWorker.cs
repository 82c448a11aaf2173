using MergeEngine.Merging.TensorMethods.Parts;
using MergeEngine.Tensors;
using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>Finds the leading singular vectors of the difference of one model after the other, with memory for one at a time.</summary>
internal sealed class DirectionWorker : IPartWorker
{
    private readonly MatrixSpace _space;
    private readonly SingularValueSolver _solver;
    private readonly Matrix _common;
    private readonly DirectionRoom _room;
    private readonly DeviceMatrix? _own;
    private readonly DeviceMatrix? _along;
    private readonly Matrix _difference;

    /// <param name="space">The differences.</param>
    /// <param name="common">[rows, any] with orthonormal columns, along which differences are left out of account; none leaves nothing out.</param>
    /// <param name="room">Where the vectors go.</param>
    /// <param name="difference">[rows, columns]: memory of the thread that merges, and with it that thread's solver; none for another's.</param>
    public DirectionWorker(MatrixSpace space, Matrix common, DirectionRoom room, Matrix difference = default)
    {
        (_space, _common, _room) = (space, common, room);
        _solver = difference.IsNone ? space.NewSolver() : space.Solver;
        try
        {
            _own = difference.IsNone ? space.Allocate(space.Rows, space.Columns) : null;
            _difference = _own?.Matrix ?? difference;
            if (common.Columns > 0) _along = space.Allocate(common.Columns, space.Columns);
        }
        catch
        {
            // Nobody else frees what a device has given, and a device is what runs out of memory.
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes that the worker of a thread that helps takes.</summary>
    /// <param name="device">Where the matrices are.</param>
    /// <param name="rows">Of the matrix.</param>
    /// <param name="columns">Of the matrix.</param>
    /// <param name="count">Singular vectors of one model.</param>
    /// <param name="common">Directions that are left out.</param>
    public static long Bytes(Device device, int rows, int columns, int count, int common) =>
        MatrixSpace.WorkingBytes(device, rows, columns, count, (long)columns * (rows + common)) + (common > 0 ? MatrixSpace.ProductBytes(device, rows, columns) : 0);

    public void Do(int part)
    {
        _space.Difference(part, _difference);
        if (_along is { Matrix: var along })
        {
            _space.Device.Operations.MatrixProduct(along, _common, _difference, transposeA: true);
            _space.Device.Operations.MatrixProduct(_difference, _common, along, alpha: -1, beta: 1);
        }

        _solver.Decompose(_difference, _room.U(part), _room.Strengths(part), _room.Vt(part));
    }

    public void Dispose()
    {
        _along?.Dispose();
        _own?.Dispose();
        if (_solver != _space.Solver) _solver.Dispose();
    }
}

/// <summary>Where the vectors of several matrices go, as many of each, side by side.</summary>
/// <param name="u">[rows, all].</param>
/// <param name="vTransposed">[all, columns].</param>
/// <param name="first">Vectors that stand there before.</param>
/// <param name="each">Vectors of one matrix.</param>
/// <param name="matrices">How many matrices there are.</param>
internal sealed class DirectionRoom(Matrix u, Matrix vTransposed, int first, int each, int matrices)
{
    private readonly float[] _strengths = new float[each * matrices];

    public Matrix U(int matrix) => u.SliceColumns(Place(matrix), each);

    public Matrix Vt(int matrix) => vTransposed.SliceRows(Place(matrix), each);

    public Span<float> Strengths(int matrix) => _strengths.AsSpan(matrix * each, each);

    /// <summary>Number of the first vector of a matrix.</summary>
    public int Place(int matrix) => first + (matrix * each);
}
