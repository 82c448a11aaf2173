using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// Thin singular value decompositions A = U·diag(s)·Vᵀ of float32 matrices, and orthogonal polar factors U·Vᵀ, computed in float64 on a CPU device. The matrix may lie on any
/// device: it is brought to the host, and the factors go where their memory is.
/// </summary>
/// <remarks>
/// With k = min(m, n): the eigenvectors of the smaller Gram matrix, AᵀA or A·Aᵀ (band form, tridiagonal form, divide and conquer), are one set of singular vectors; A times these, made
/// orthonormal by Householder reflections where the smallest singular values ask for it, is the other. Squaring costs half of the digits: float64
/// keeps σ to about 10⁻⁸·σ₁, below the last place of a float32 at σ₁, and that is the error that is promised for every σ. Singular values below it are noise, as they are
/// in the float32 input, with orthonormal vectors nevertheless. About 10·k³ operations for a square matrix, of which all but some hundred·k² are in matrix products or kernels as dense;
/// for r of the vectors (8/3 + 6·r/k)·k³, and divide and conquer's ≤ (1/3 + r/k)·k³.
/// The bits depend neither on the number of threads nor on the vector width.
/// An object holds working memory that grows to the largest matrix, <see cref="WorkingBytes(int, int, CpuDevice)"/>, and serves one call at a time.
/// </remarks>
public sealed unsafe class SingularValueSolver : IDisposable
{
    private readonly GramFactors _factors;

    /// <param name="device">Whose threads and vector width are used; stays the caller's to dispose.</param>
    /// <param name="cancellation">
    /// Stops a decomposition within some tenths of a second, whatever the size of its matrix, by an <see cref="OperationCanceledException"/> and before any of the result is written.
    /// </param>
    public SingularValueSolver(CpuDevice device, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        _factors = new GramFactors(device, cancellation);
    }

    /// <summary>Where decompositions can be stopped.</summary>
    internal StopPoint Stop => _factors.Stop;

    /// <summary>Bytes of working memory that it holds now.</summary>
    internal long ReservedBytes => _factors.ReservedBytes;

    /// <summary>Bytes of working memory at most for matrices of a size: about 8·(max(k² + m·n, 2.5·k²) + 2400·k) for k = min(m, n) and a few threads.</summary>
    /// <param name="rows">m.</param>
    /// <param name="columns">n.</param>
    /// <param name="device">Whose threads would be used.</param>
    public static long WorkingBytes(int rows, int columns, CpuDevice device) => WorkingBytes(rows, columns, Math.Min(rows, columns), device);

    /// <summary>Bytes of working memory at most where no more than r of the singular vectors are wanted: about 8·(max(r·(m + n), 2.5·k²) + 2400·k).</summary>
    /// <param name="rows">m.</param>
    /// <param name="columns">n.</param>
    /// <param name="count">r.</param>
    /// <param name="device">Whose threads would be used.</param>
    /// <param name="onHost">Whether the matrices are known to lie in the host's memory, from which nothing has to be brought over.</param>
    public static long WorkingBytes(int rows, int columns, int count, CpuDevice device, bool onHost = false)
    {
        ArgumentNullException.ThrowIfNull(device);
        return GramFactors.WorkingBytes(rows, columns, count, device.Pool.Threads, onHost);
    }

    /// <summary>A = U·diag(s)·Vᵀ, or the r largest singular values of it with their vectors, which saves the better part of what follows the tridiagonal form.</summary>
    /// <param name="a">[m, n]; every element finite.</param>
    /// <param name="u">[m, r] with orthonormal columns; <c>default</c> if not wanted.</param>
    /// <param name="s">[r], r ≤ min(m, n): not negative, falling.</param>
    /// <param name="vTransposed">[r, n] with orthonormal rows; <c>default</c> if not wanted.</param>
    /// <exception cref="NotFiniteMatrixException">An element is NaN or infinite.</exception>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void Decompose(Matrix a, Matrix u, Span<float> s, Matrix vTransposed)
    {
        int m = a.Rows, n = a.Columns, k = Math.Min(m, n), count = s.Length;
        Require(u, m, count, nameof(u));
        Require(vTransposed, count, n, nameof(vTransposed));
        if (count > k) throw new ArgumentException($"'s' has {count} elements, a matrix of {m} x {n} has {k} singular values.", nameof(s));
        if (count == 0) return;
        _factors.Begin(a, count);
        (DoubleMatrix left, DoubleMatrix right) = _factors.Vectors();
        for (int i = 0; i < count; i++) s[i] = (float)(_factors.Sigma[i] * _factors.Scale);
        _factors.Store(u, left, transpose: true);
        _factors.Store(vTransposed, right, transpose: false);
    }

    /// <summary>
    /// The orthogonal polar factor U·Vᵀ, the nearest matrix with orthonormal columns (or rows, for a wide one) in every unitarily invariant norm (Fan and Hoffman, 1955), of the
    /// directions that a matrix has: those with σ above a share of the largest. With a share of 0 all take part, and where A does not have full rank it is one of the nearest.
    /// </summary>
    /// <param name="a">[m, n]; every element finite.</param>
    /// <param name="q">[m, n]; may be <paramref name="a"/>. Zeros where no direction takes part.</param>
    /// <param name="least">Share of the largest singular value; singular values are known to 10⁻⁸ of it.</param>
    /// <returns>How many directions took part, and the mean of their singular values; 0 without any.</returns>
    /// <exception cref="NotFiniteMatrixException">An element is NaN or infinite.</exception>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public (int Rank, double Mean) PolarFactor(Matrix a, Matrix q, double least = 0) => Polar(a, q, least, isotropic: false);

    /// <summary>The matrix with the singular values of the directions that it has replaced by their mean: mean(σ)·U·Vᵀ, rounded once. Otherwise as <see cref="PolarFactor"/>.</summary>
    /// <param name="a">[m, n]; every element finite.</param>
    /// <param name="result">[m, n]; may be <paramref name="a"/>.</param>
    /// <param name="least">Share of the largest singular value.</param>
    /// <returns>How many directions took part, and the mean.</returns>
    /// <exception cref="NotFiniteMatrixException">An element is NaN or infinite.</exception>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public (int Rank, double Mean) Isotropic(Matrix a, Matrix result, double least = 0) => Polar(a, result, least, isotropic: true);

    /// <summary>Gives the working memory back.</summary>
    public void Dispose() => _factors.Dispose();

    private (int Rank, double Mean) Polar(Matrix a, Matrix q, double least, bool isotropic)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(least);
        Require(q, a.Rows, a.Columns, nameof(q));
        int k = Math.Min(a.Rows, a.Columns);
        if (k == 0) return (0, 0);
        _factors.Begin(a, k);

        // Whatever takes part is well conditioned, and what does not is far from it: then no other vectors are needed.
        double* sigma = _factors.Sigma;
        int rank = Above(sigma, k, Math.Max(least, GramFactors.WellConditioned));
        DoubleMatrix product;
        bool isTransposed = false;
        if (rank > 0 && (rank == k || least >= GramFactors.WellConditioned || sigma[rank] < 0.5 * least * sigma[0]))
        {
            product = _factors.PolarFromGram(rank);
        }
        else
        {
            _ = _factors.Vectors();
            rank = least == 0 ? k : Above(sigma, k, least);
            (product, isTransposed) = _factors.Polar(rank);
        }

        double sum = 0;
        for (int i = 0; i < rank; i++) sum += sigma[i];
        double mean = rank == 0 ? 0 : sum / rank * _factors.Scale;
        _factors.Store(q, product, isTransposed, isotropic ? mean : 1);
        return (rank, mean);
    }

    private static int Above(double* sigma, int count, double share)
    {
        int rank = 0;
        while (rank < count && sigma[rank] > share * sigma[0]) rank++;
        return rank;
    }

    private static void Require(Matrix matrix, int rows, int columns, string name)
    {
        if (!matrix.IsNone && (matrix.Rows != rows || matrix.Columns != columns))
            throw new ArgumentException($"'{name}' is [{matrix.Rows}, {matrix.Columns}], [{rows}, {columns}] is needed.", name);
    }
}
