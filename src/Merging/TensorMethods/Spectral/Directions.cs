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
        _vt = space.Allocate(most, space.Columns);
    }

    /// <summary>How many there are.</summary>
    public int Count => _strengths.Count;

    /// <summary>[rows, most]: the left vectors as columns, of which the first <see cref="Count"/> count.</summary>
    public Matrix U => _u.Matrix;

    /// <summary>Adds the leading singular vectors of a matrix, without those that have no strength.</summary>
    /// <param name="a">[rows, columns].</param>
    /// <param name="count">How many.</param>
    /// <param name="isReference">Whether strengths of all are measured at the largest of this one; otherwise each matrix at its own.</param>
    public void AddLeading(Matrix a, int count, bool isReference = false)
    {
        if (count == 0) return;
        float[] strengths = new float[count];
        _space.Decompose(a, _u.Matrix.SliceColumns(Count, count), strengths, _vt.Matrix.SliceRows(Count, count));
        if (isReference) _reference = strengths[0];
        double least = MatrixSpace.Nothing * Math.Max(_reference, strengths[0]);
        // What is not counted is overwritten by the next.
        foreach (float strength in strengths.Where(s => s > least)) _strengths.Add(strength);
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

        Matrix u = U.SliceColumns(0, Count), vt = _vt.Matrix.SliceRows(0, Count);
        _space.MakeOrthonormal(u);
        _space.MakeOrthonormal(vt);
        if (strength is null) _space.ScaleRows(vt, _strengths.ToArray());
        _space.Device.Operations.MatrixProduct(result, u, vt, alpha: strength is null ? 1 : (float)strength(_strengths));
    }

    public void Dispose()
    {
        _u.Dispose();
        _vt.Dispose();
    }
}
