using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// The r largest singular values and their vectors by subspace iteration (Halko, Martinsson and Tropp, Finding Structure with Randomness, 2011, algorithm 4.4): all products
/// with the matrix run on its own device, the bases of r + a few vectors are made orthonormal in float64 on the host.
/// </summary>
/// <remarks>
/// With p = r + oversampling vectors and q steps, the expected error ‖A − U·diag(s)·Vᵀ‖₂ is at most
/// (1 + √(r/(p − r − 1)) + e·√p/(p − r)·√(min(m, n) − r))^(1/(2q + 1))·σ_{r+1} beside the σ_{r+1} that every approximation of rank r has (their corollary 10.10); to that come the
/// float32 products' errors of about 10⁻⁶·σ₁. Where singular values fall it is far less. The start is a fixed table of pseudo-random numbers, so the result repeats to the bit on
/// a device. Where p is no small part of min(m, n) the whole decomposition is made and cut, which is exact.
/// About 4·m·n·p·(q + 1) operations in products.
/// </remarks>
public sealed unsafe class TruncatedSvd : IDisposable
{
    private readonly SingularValueSolver _solver;
    private readonly DoubleProduct _product;
    private readonly Reflectors _reflectors;
    private readonly HostMatrices _matrices;
    private readonly Workspace _numbers = new();

    /// <param name="host">Whose threads do the inner problems; stays the caller's to dispose.</param>
    /// <param name="cancellation">Stops a decomposition between two of its steps, and within them as that of <see cref="SingularValueSolver"/>, by an <see cref="OperationCanceledException"/>.</param>
    public TruncatedSvd(CpuDevice host, CancellationToken cancellation = default)
    {
        _solver = new SingularValueSolver(host, cancellation);
        _product = new DoubleProduct(host, _solver.Stop);
        _reflectors = new Reflectors(_product);
        _matrices = new HostMatrices(host);
    }

    /// <summary>A ≈ U·diag(s)·Vᵀ of rank r = <paramref name="s"/>.Length.</summary>
    /// <param name="a">[m, n] on any device; every element finite.</param>
    /// <param name="u">[m, r] on the same device.</param>
    /// <param name="s">[r], 1 ≤ r ≤ min(m, n).</param>
    /// <param name="vTransposed">[r, n] on the same device.</param>
    /// <param name="steps">q: products with AᵀA before the last.</param>
    /// <exception cref="NotFiniteMatrixException">The matrix, or its product with a vector, is not finite.</exception>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void Decompose(Matrix a, Matrix u, Span<float> s, Matrix vTransposed, int steps = 8)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        int m = a.Rows, n = a.Columns, rank = s.Length, shorter = Math.Min(m, n);
        if (rank < 1 || rank > shorter) throw new ArgumentException($"A matrix of {m} x {n} has no {rank} singular values.", nameof(s));
        if (u.Rows != m || u.Columns != rank || vTransposed.Rows != rank || vTransposed.Columns != n)
            throw new ArgumentException($"The factors of rank {rank} are [{m}, {rank}] and [{rank}, {n}]; found [{u.Rows}, {u.Columns}] and [{vTransposed.Rows}, {vTransposed.Columns}].", nameof(u));
        int p = Math.Min(shorter, rank + Math.Max(10, rank / 4));
        Device device = a.Data.Buffer.Device;
        if (3L * p >= shorter)
            _solver.Decompose(a, u, s, vTransposed);
        else
            Iterate(device, a, u, s, vTransposed, p, steps);
    }

    public void Dispose()
    {
        _numbers.Dispose();
        _matrices.Dispose();
        _reflectors.Dispose();
        _product.Dispose();
        _solver.Dispose();
    }

    private void Iterate(Device device, Matrix a, Matrix u, Span<float> s, Matrix vTransposed, int p, int steps)
    {
        int m = a.Rows, n = a.Columns, rank = s.Length;
        using DeviceBuffer wide = device.Allocate<float>((long)p * n), tall = device.Allocate<float>((long)p * m);
        using DeviceBuffer inner = device.Allocate<float>((long)p * p), right = device.Allocate<float>((long)p * n);
        // Bases as rows: Q spans part of the row space, Y of the column space.
        Matrix q = new(wide.AsSpan<float>(), p, n), y = new(tall.AsSpan<float>(), p, m);
        var start = new Span<float>(_numbers.Reserve((long)p * n, exactly: true), checked(p * n));
        for (int i = 0; i < start.Length; i++) start[i] = Mix((ulong)i) * MathF.ScaleB(1, -23);
        device.Upload<float>(start, q.Data);
        for (int step = 0; step <= steps; step++)
        {
            if (step > 0)
            {
                device.Operations.MatrixProduct(q, y, a);
                Orthonormalize(q);
            }

            device.Operations.MatrixProduct(y, q, a, transposeB: true);
            Orthonormalize(y);
        }

        // A ≈ Yᵀ·(Y·A): the small factor exactly, then back.
        device.Operations.MatrixProduct(q, y, a);
        Matrix ub = new(inner.AsSpan<float>(), p, p), vb = new(right.AsSpan<float>(), p, n);
        float[] all = new float[p];
        _solver.Decompose(q, ub, all, vb);
        all.AsSpan(0, rank).CopyTo(s);
        device.Operations.MatrixProduct(u, y, ub.SliceColumns(0, rank), transposeA: true);
        device.Operations.CopyMatrix(vTransposed, vb.SliceRows(0, rank));
    }

    private void Orthonormalize(Matrix rows)
    {
        float largest = _matrices.Largest(rows);
        if (!float.IsFinite(largest)) throw new NotFiniteMatrixException("The matrix, or its product with a vector, is not finite: it has no singular values in float32.", nameof(rows));
        long count = (long)rows.Rows * rows.Columns;
        double* memory = (double*)_numbers.Reserve(2 * (count + rows.Rows), exactly: true);
        var numbers = new DoubleMatrix(memory, rows.Rows, rows.Columns);
        _matrices.Load(rows, 0, 0, numbers, largest == 0 ? 1 : largest);
        _reflectors.Orthonormalize(numbers, memory + count);
        _matrices.Store(rows, numbers, transpose: false);
    }

    /// <summary>24 signed pseudo-random bits (Steele, Lea and Flood's SplitMix64).</summary>
    private static int Mix(ulong index)
    {
        ulong z = (index + 1) * 0x9E37_79B9_7F4A_7C15;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return (int)((long)(z ^ (z >> 31)) >> 40);
    }
}
