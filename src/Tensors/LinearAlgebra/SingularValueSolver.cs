using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// Thin singular value decompositions A = U·diag(s)·Vᵀ of float32 matrices, computed in float64 on a CPU device. The matrix may lie on any device: it is brought to the
/// host, and the factors go where their memory is.
/// </summary>
/// <remarks>
/// With k = min(m, n): the eigenvectors of the smaller Gram matrix, AᵀA or A·Aᵀ (tridiagonal form, then divide and conquer), are one set of singular vectors; A times these, made
/// orthonormal by Householder reflections where the smallest singular values ask for it, is the other. Squaring costs half of the digits: float64
/// keeps σ to about 10⁻⁸·σ₁, below the last place of a float32 at σ₁, and that is the error that is promised for every σ. Singular values below it are noise, as they are
/// in the float32 input, with orthonormal vectors nevertheless. About 14·k³ operations for a square matrix, of which the 4/3·k³ of the tridiagonal form's
/// matrix-vector products are not in matrix products. The bits depend neither on the number of threads nor on the vector width.
/// An object holds working memory that grows to the largest matrix, about 8·(2·m·n + 6·k²) bytes, and serves one call at a time.
/// </remarks>
public sealed unsafe class SingularValueSolver : IDisposable
{
    /// <summary>Ratio of singular values from which on A·v/σ is orthogonal to float32 accuracy without help: its error is 10⁻¹⁶ over the square.</summary>
    private const double WellConditioned = 1e-4;

    /// <summary>Ratio of singular values below which the direction of A·v is round-off.</summary>
    private const double Noise = 1e-9;

    private readonly CpuDevice _device;
    private readonly DoubleProduct _product;
    private readonly Reflectors _reflectors;
    private readonly Tridiagonalization _tridiagonalization;
    private readonly TridiagonalEigen _eigen;
    private readonly Workspace _matrix = new();
    private readonly Workspace _image = new();
    private readonly Workspace _gram = new();
    private readonly Workspace _vectors = new();
    private readonly Workspace _rows = new();
    private readonly Workspace _values = new();
    private readonly Workspace _floats = new();

    /// <param name="device">Whose threads and vector width are used; stays the caller's to dispose.</param>
    public SingularValueSolver(CpuDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _product = new DoubleProduct(device);
        _reflectors = new Reflectors(_product);
        _tridiagonalization = new Tridiagonalization(device, _product, _reflectors);
        _eigen = new TridiagonalEigen(device, _product);
    }

    /// <summary>A = U·diag(s)·Vᵀ, or the r largest singular values of it with their vectors, which saves the better part of what follows the tridiagonal form.</summary>
    /// <param name="a">[m, n]; every element finite.</param>
    /// <param name="u">[m, r] with orthonormal columns; <c>default</c> if not wanted.</param>
    /// <param name="s">[r], r ≤ min(m, n): not negative, falling.</param>
    /// <param name="vTransposed">[r, n] with orthonormal rows; <c>default</c> if not wanted.</param>
    /// <exception cref="ArgumentException">An element is NaN or infinite, or a shape does not fit.</exception>
    public void Decompose(Matrix a, Matrix u, Span<float> s, Matrix vTransposed)
    {
        int m = a.Rows, n = a.Columns, k = Math.Min(m, n), count = s.Length;
        Require(u, m, count, nameof(u));
        Require(vTransposed, count, n, nameof(vTransposed));
        if (count > k) throw new ArgumentException($"'s' has {count} elements, a matrix of {m} x {n} has {k} singular values.", nameof(s));
        if (count == 0) return;
        (DoubleMatrix left, DoubleMatrix right, double scale) = Factor(a, count);
        double* sigma = (double*)_values.Reserve(8L * k) + (2 * k);
        int[] order = Falling(sigma, count);
        for (int i = 0; i < count; i++) s[i] = (float)(sigma[order[i]] * scale);
        Store(u, left, order, transpose: true);
        Store(vTransposed, right, order, transpose: false);
    }

    /// <summary>
    /// The orthogonal polar factor U·Vᵀ, the nearest matrix with orthonormal columns (or rows, for a wide one) in every unitarily invariant norm (Fan and Hoffman, 1955). Where A
    /// does not have full rank it is one of the nearest.
    /// </summary>
    /// <param name="a">[m, n]; every element finite.</param>
    /// <param name="q">[m, n]; may be <paramref name="a"/>.</param>
    /// <exception cref="ArgumentException">An element is NaN or infinite, or a shape does not fit.</exception>
    public void PolarFactor(Matrix a, Matrix q)
    {
        Require(q, a.Rows, a.Columns, nameof(q));
        if (a.Rows == 0 || a.Columns == 0) return;
        (DoubleMatrix left, DoubleMatrix right, _) = Factor(a, Math.Min(a.Rows, a.Columns));
        var product = new DoubleMatrix((double*)_matrix.Reserve(2L * a.Rows * a.Columns), a.Rows, a.Columns);
        _product.Multiply(product, left, true, right, false);
        Store(q, product, [.. Enumerable.Range(0, a.Rows)], transpose: false);
    }

    /// <summary>Rows of left are the leading columns of U, rows of right those of Vᵀ; σ, over the scale, stays in the list of values.</summary>
    private (DoubleMatrix Left, DoubleMatrix Right, double Scale) Factor(Matrix a, int count)
    {
        int m = a.Rows, n = a.Columns, k = Math.Min(m, n), longer = Math.Max(m, n);
        bool wide = m < n;
        var x = new DoubleMatrix((double*)_matrix.Reserve(2L * m * n), m, n);
        double scale = Load(a, x);
        var vectors = new DoubleMatrix((double*)_vectors.Reserve(2L * count * k), count, k);
        double* values = (double*)_values.Reserve(8L * k), offDiagonal = values + k, sigma = values + (2 * k);
        GramEigenvectors(x, wide, vectors, values, offDiagonal);

        // The longer side: rows of the image are σ·(the other singular vector).
        var image = new DoubleMatrix((double*)_image.Reserve(2L * count * longer), count, longer);
        _product.Multiply(image, vectors, false, x, !wide);
        Normalize(image, new DoubleMatrix(x.Data, count, longer), sigma);
        return wide ? (vectors, image, scale) : (image, vectors, scale);
    }

    /// <summary>Gives the working memory back.</summary>
    public void Dispose()
    {
        _eigen.Dispose();
        _tridiagonalization.Dispose();
        _reflectors.Dispose();
        _product.Dispose();
        foreach (Workspace workspace in (ReadOnlySpan<Workspace>)[_matrix, _image, _gram, _vectors, _rows, _values, _floats]) workspace.Dispose();
    }

    private static void Require(Matrix matrix, int rows, int columns, string name)
    {
        if (!matrix.IsNone && (matrix.Rows != rows || matrix.Columns != columns))
            throw new ArgumentException($"'{name}' is [{matrix.Rows}, {matrix.Columns}], [{rows}, {columns}] is needed.", name);
    }

    /// <summary>Rows of <paramref name="vectors"/> ← as many eigenvectors of XᵀX, or X·Xᵀ for a wide X, the largest eigenvalue first.</summary>
    private void GramEigenvectors(DoubleMatrix x, bool wide, DoubleMatrix vectors, double* values, double* offDiagonal)
    {
        int k = vectors.Columns;
        var gram = new DoubleMatrix((double*)_gram.Reserve(2L * k * k), k, k);
        var all = new DoubleMatrix((double*)_rows.Reserve(2L * k * k), k, k);
        _product.Multiply(gram, x, !wide, x, wide, lowerOnly: true);
        _tridiagonalization.Reduce(gram, new Span<double>(values, k), new Span<double>(offDiagonal, k));
        _eigen.Solve(values, offDiagonal, all, vectors.Rows);
        int[] order = Falling(values, k);
        for (int i = 0; i < vectors.Rows; i++) all.Row(order[i]).CopyTo(vectors.Row(i));
        _tridiagonalization.ApplyTo(vectors, gram);
    }

    /// <summary>Makes the rows of the image orthonormal; <paramref name="sigma"/> ← their lengths before, each without its part along those before it.</summary>
    private void Normalize(DoubleMatrix image, DoubleMatrix work, double* sigma)
    {
        double smallest = double.MaxValue, largest = 0;
        for (int i = 0; i < image.Rows; i++)
        {
            sigma[i] = Math.Sqrt(DoubleVectors.Dot(image[i], image[i], image.Columns));
            (smallest, largest) = (Math.Min(smallest, sigma[i]), Math.Max(largest, sigma[i]));
        }

        int good = 0;
        while (good < image.Rows && sigma[good] > WellConditioned * largest) good++;
        if (smallest <= Noise * largest)
        {
            MakeOrthonormal(image, work, sigma);
            return;
        }

        for (int i = 0; i < image.Rows; i++) DoubleVectors.Scale(image[i], 1 / sigma[i], image.Columns);
        int rest = image.Rows - good;
        if (rest == 0) return;

        // The few that are not orthogonal to the others lose their part along these, twice is enough, and are then made orthonormal among themselves.
        DoubleMatrix first = image.Slice(0, 0, good, image.Columns), last = image.Slice(good, 0, rest, image.Columns);
        var along = new DoubleMatrix(work.Data, rest, good);
        for (int pass = 0; pass < 2; pass++)
        {
            _product.Multiply(along, last, false, first, true);
            _product.Multiply(last, along, false, first, false, -1, 1);
        }

        double[] lengths = new double[rest];
        fixed (double* length = lengths) MakeOrthonormal(last, work.Slice(0, 0, rest, image.Columns), length);
        for (int i = 0; i < rest; i++) sigma[good + i] *= lengths[i];
    }

    private void MakeOrthonormal(DoubleMatrix rows, DoubleMatrix work, double* lengths)
    {
        _reflectors.Orthonormalize(rows, lengths, work);
        for (int i = 0; i < rows.Rows; i++)
        {
            if (lengths[i] < 0) DoubleVectors.Scale(rows[i], -1, rows.Columns);
            lengths[i] = Math.Abs(lengths[i]);
        }
    }

    /// <summary>The matrix over a power of two that brings its largest element to 1 … 2; returns that power.</summary>
    private double Load(Matrix a, DoubleMatrix x)
    {
        int m = a.Rows, n = a.Columns;
        var values = new Span<float>(_floats.Reserve((long)m * n), m * n);
        if (a.IsContiguous) a.Data.Buffer.Device.Download(a.Data, values);
        else for (int i = 0; i < m; i++) a.Data.Buffer.Device.Download(a.SliceRows(i, 1).Data, values.Slice(i * n, n));
        float largest = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                throw new ArgumentException($"Element [{i / n}, {i % n}] of a matrix of {m} x {n} is {values[i]}: only finite matrices have singular values.", nameof(a));
            largest = Math.Max(largest, Math.Abs(values[i]));
        }

        double scale = largest == 0 ? 1 : Math.ScaleB(1, Math.ILogB(largest)), inverse = 1 / scale;
        for (int i = 0; i < values.Length; i++) x.Data[i] = values[i] * inverse;
        return scale;
    }

    private void Store(Matrix target, DoubleMatrix rows, int[] order, bool transpose)
    {
        if (target.IsNone) return;
        int m = target.Rows, n = target.Columns;
        var values = new Span<float>(_floats.Reserve((long)m * n), m * n);
        for (int i = 0; i < rows.Rows; i++)
        {
            ReadOnlySpan<double> row = rows.Row(order[i]);
            if (transpose) for (int j = 0; j < row.Length; j++) values[(j * n) + i] = (float)row[j];
            else for (int j = 0; j < row.Length; j++) values[(i * n) + j] = (float)row[j];
        }

        if (target.IsContiguous) target.Data.Buffer.Device.Upload<float>(values, target.Data);
        else for (int i = 0; i < m; i++) target.Data.Buffer.Device.Upload<float>(values.Slice(i * n, n), target.SliceRows(i, 1).Data);
    }

    private static int[] Falling(double* values, int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        double[] keys = new Span<double>(values, count).ToArray();
        Array.Sort(order, (i, j) => keys[i] != keys[j] ? keys[j].CompareTo(keys[i]) : i.CompareTo(j));
        return order;
    }
}
