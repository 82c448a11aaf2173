using MergeEngine.Tensors.Cpu.Kernels;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// Products of Householder reflections H_0·H_1·…·H_{b−1} = I − Vᵀ·T·V with the vectors as rows of V and T upper triangular (Schreiber and Van Loan, A
/// Storage-Efficient WY Representation for Products of Householder Transformations, 1989), so that b of them are applied by matrix products.
/// </summary>
internal sealed unsafe class Reflectors(DoubleProduct product) : IDisposable
{
    /// <summary>Reflections in one block.</summary>
    public const int Block = 48;

    /// <summary>Squared lengths from here on have all their digits.</summary>
    private const double LeastSquare = 1e-200;

    private readonly Workspace _small = new();
    private readonly Workspace _tall = new();
    private readonly Workspace _block = new();

    public long ReservedBytes => _small.Bytes + _tall.Bytes + _block.Bytes;

    /// <summary>float64 numbers of memory for as many reflections as are applied together of n rows, at most.</summary>
    public static long Room(int rows) => 2 * BandReduction.Together * ((long)rows + BandReduction.Together);

    /// <summary>
    /// The reflection I − τ·v·vᵀ with v[0] = 1 that maps x to (β, 0, …): overwrites x with v, and returns τ and β. τ = 0 where x has nothing to eliminate.
    /// </summary>
    public static (double Tau, double Beta) Make(double* x, int count)
    {
        if (count == 0) return (0, 0);
        double alpha = x[0], tail = DoubleVectors.Dot(x + 1, x + 1, count - 1), unit = 1;
        if ((alpha * alpha) + tail < LeastSquare)
        {
            // Squares of so small numbers lose their digits, and the reflection would not be orthogonal: exact multiples of a power of two instead.
            double largest = 0;
            for (int i = 0; i < count; i++) largest = Math.Max(largest, Math.Abs(x[i]));
            if (largest > 0) unit = Math.ScaleB(1, Math.ILogB(largest));
            for (int i = 0; i < count; i++) x[i] /= unit;
            (alpha, tail) = (x[0], DoubleVectors.Dot(x + 1, x + 1, count - 1));
        }

        x[0] = 1;
        if (tail == 0)
        {
            new Span<double>(x + 1, count - 1).Clear();
            return (0, alpha * unit);
        }

        double norm = Math.Sqrt((alpha * alpha) + tail), beta = alpha >= 0 ? -norm : norm;
        DoubleVectors.Scale(x + 1, 1 / (alpha - beta), count - 1);
        return ((beta - alpha) / beta, beta * unit);
    }

    /// <summary>T of reflections whose vectors are the rows of <paramref name="v"/>; stands in this object's memory until the next call.</summary>
    public DoubleMatrix Triangle(DoubleMatrix v, double* tau)
    {
        int b = v.Rows;
        double* small = (double*)_small.Reserve(4L * b * b, exactly: true);
        var gram = new DoubleMatrix(small, b, b);
        var t = new DoubleMatrix(small + (b * b), b, b);
        product.Multiply(gram, v, false, v, true);
        t.Clear();
        for (int i = 0; i < b; i++)
        {
            // Column i of T: −τ_i·T·(V·v_i) above the diagonal. The Gram matrix is symmetric: its row i is that column.
            for (int r = 0; r < i; r++) t[r][i] = -tau[i] * DoubleVectors.Dot(t[r] + r, gram[i] + r, i - r);
            t[i][i] = tau[i];
        }

        return t;
    }

    /// <summary>Every row x of <paramref name="x"/> ← Q·x, or Qᵀ·x, for the Q of these vectors.</summary>
    public void Apply(DoubleMatrix x, DoubleMatrix v, double* tau, bool transpose)
    {
        int b = v.Rows;
        double* tall = (double*)_tall.Reserve(4L * x.Rows * b, exactly: true);
        DoubleMatrix t = Triangle(v, tau);

        // Q x = x − Vᵀ(T(V x)): as rows, X − (X Vᵀ)·Tᵀ·V; for Qᵀ with T.
        var inner = new DoubleMatrix(tall, x.Rows, b);
        var scaled = new DoubleMatrix(tall + ((long)x.Rows * b), x.Rows, b);
        product.Multiply(inner, x, false, v, true);
        product.Multiply(scaled, inner, false, t, !transpose);
        product.Multiply(x, scaled, false, v, false, -1, 1);
    }

    /// <summary>
    /// The vectors that are the rows of <paramref name="a"/> [n, m], n ≤ m, made orthonormal in their order: Aᵀ = Q·R, and A ← the first n columns of Q as rows.
    /// Rows that depend on those before get some direction that is orthogonal to all others.
    /// </summary>
    /// <param name="a">Overwritten: by the reflections' vectors first, which take no memory but for one block of them.</param>
    /// <param name="diagonal">[n]: the diagonal of R, with its signs.</param>
    public void Orthonormalize(DoubleMatrix a, double* diagonal)
    {
        int n = a.Rows, m = a.Columns;
        double[] taus = new double[n];
        double* block = (double*)_block.Reserve(2L * Math.Min(Block, n) * m, exactly: true);
        fixed (double* tau = taus)
        {
            for (int start = 0; start < n; start += Block)
            {
                int count = Math.Min(Block, n - start);
                DoubleMatrix v = a.Slice(start, start, count, m - start);
                for (int i = 0; i < count; i++)
                {
                    double* row = v[i];
                    for (int p = 0; p < i; p++) DoubleVectors.Add(row + p, v[p] + p, -tau[start + p] * DoubleVectors.Dot(row + p, v[p] + p, m - start - p), m - start - p);
                    new Span<double>(row, i).Clear();
                    (tau[start + i], diagonal[start + i]) = Make(row + i, m - start - i);
                }

                int rest = n - start - count;
                if (rest > 0) Apply(a.Slice(start + count, start, rest, m - start), v, tau + start, transpose: true);
            }

            for (int start = (n - 1) / Block * Block; start >= 0; start -= Block)
            {
                int count = Math.Min(Block, n - start);
                var v = new DoubleMatrix(block, count, m - start);
                for (int i = 0; i < count; i++)
                {
                    a.Row(start + i)[start..].CopyTo(v.Row(i));
                    a.Row(start + i).Clear();
                    a[start + i][start + i] = 1;
                }

                Apply(a.Slice(start, start, n - start, m - start), v, tau + start, transpose: false);
            }
        }
    }

    public void Dispose()
    {
        _small.Dispose();
        _tall.Dispose();
        _block.Dispose();
    }
}
