using MergeEngine.Merging.TensorMethods.Parts;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>Singular vectors of several matrices side by side, with their strengths.</summary>
internal sealed class Directions : IDisposable
{
    private readonly MatrixSpace _space;
    private readonly DeviceMatrix _u;
    private readonly DeviceMatrix _vt;
    private readonly List<double> _strengths = [];
    private double _reference;

    /// <param name="space">Of the matrices.</param>
    /// <param name="most">How many there may be.</param>
    public Directions(MatrixSpace space, int most)
    {
        _space = space;
        _u = space.Allocate(space.Rows, most);
        try
        {
            _vt = space.Allocate(most, space.Columns);
        }
        catch
        {
            // Nobody else frees what a device has given, and a device is what runs out of memory.
            _u.Dispose();
            throw;
        }
    }

    /// <summary>Numbers in float32 of so many.</summary>
    public static long Room(int rows, int columns, int most) => (long)most * (rows + columns);

    /// <summary>How many there are.</summary>
    public int Count => _strengths.Count;

    /// <summary>Adds the leading singular vectors of a matrix that all have in common, without those that have no strength. Strengths of what is added later are measured at the largest of these.</summary>
    /// <param name="a">[rows, columns].</param>
    /// <param name="count">How many.</param>
    public void AddLeading(Matrix a, int count)
    {
        if (count == 0) return;
        var room = new DirectionRoom(_u.Matrix, _vt.Matrix, 0, count, 1);
        _space.Solver.Decompose(a, room.U(0), room.Strengths(0), room.Vt(0));
        _reference = room.Strengths(0)[0];
        Keep(room, 0);
    }

    /// <summary>Adds the leading singular vectors of the difference of each model, less its part along those that are there already, and without those that have no strength.</summary>
    /// <param name="memory">[rows, columns], of undefined content.</param>
    /// <param name="each">How many of each.</param>
    public void AddEach(Matrix memory, int each)
    {
        if (each == 0) return;
        var room = new DirectionRoom(_u.Matrix, _vt.Matrix, Count, each, _space.Models);
        Matrix common = _u.Matrix.SliceColumns(0, Count);
        using (var own = new DirectionWorker(_space, common, room, memory))
        {
            long bytes = DirectionWorker.Bytes(_space.Device, _space.Rows, _space.Columns, each, Count);
            var parts = new PartGroup(_space.Models, bytes, () => new DirectionWorker(_space, common, room));
            if (_space.Team is { } team) team.Run(parts, own);
            else for (int k = 0; k < _space.Models; k++) own.Do(k);
        }

        for (int k = 0; k < _space.Models; k++) Keep(room, k);
    }

    /// <summary>result ← U⊥·diag(s)·V⊥ᵀ, zeros where there is no direction. Vectors become orthonormal: nothing can be added any more.</summary>
    /// <param name="result">[rows, columns].</param>
    /// <param name="strength">One strength for all from the strengths; or null to give each its own.</param>
    public void Combine(Matrix result, Func<IReadOnlyList<double>, double>? strength)
    {
        if (Count == 0)
        {
            _space.Device.Operations.Fill(result.Data, 0);
            return;
        }

        Matrix u = _u.Matrix.SliceColumns(0, Count), vt = _vt.Matrix.SliceRows(0, Count);
        _space.MakeOrthonormal(u, vt);
        if (strength is null) _space.ScaleRows(vt, _strengths.ToArray());
        _space.Device.Operations.MatrixProduct(result, u, vt, alpha: strength is null ? 1 : (float)strength(_strengths));
    }

    public void Dispose()
    {
        _u.Dispose();
        _vt.Dispose();
    }

    /// <summary>Counts the vectors of a matrix that have some strength, and moves them to those that are counted.</summary>
    private void Keep(DirectionRoom room, int matrix)
    {
        ReadOnlySpan<float> strengths = room.Strengths(matrix);
        double least = MatrixSpace.Nothing * Math.Max(_reference, strengths[0]);
        for (int i = 0; i < strengths.Length && strengths[i] > least; i++)
        {
            int from = room.Place(matrix) + i, to = Count;
            if (from != to)
            {
                _space.Device.Operations.CopyMatrix(_u.Matrix.SliceColumns(to, 1), _u.Matrix.SliceColumns(from, 1));
                _space.Device.Operations.CopyMatrix(_vt.Matrix.SliceRows(to, 1), _vt.Matrix.SliceRows(from, 1));
            }

            _strengths.Add(strengths[i]);
        }
    }
}
