using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// A symmetric matrix A = Q·T·Qᵀ with T tridiagonal, in two steps: a band first (<see cref="BandReduction"/>), in matrix products, then its diagonals are chased away
/// (<see cref="BulgeChase"/>) in the cache. Going back with eigenvectors takes both steps too.
/// </summary>
/// <param name="device">Whose threads.</param>
/// <param name="product">For matrix products.</param>
/// <param name="reflectors">For those of reflections.</param>
/// <param name="stop">Asked while diagonals are chased, as the product asks; null where nobody stops it.</param>
internal sealed unsafe class Tridiagonalization(CpuDevice device, DoubleProduct product, Reflectors reflectors, StopPoint? stop = null) : IDisposable
{
    private readonly BandReduction _band = new(device, product, reflectors);
    private readonly BulgeChase _chase = new(device, stop);
    private readonly Workspace _memory = new();

    public long ReservedBytes => _memory.Bytes + _band.ReservedBytes + _chase.ReservedBytes;

    /// <summary>float64 numbers of memory for order n and so many vectors, at most, beside what the two steps' parts need for products.</summary>
    public static long Room(int n, int count, int threads) =>
        BandMatrix.Room(n, Width(n)) + (2L * n * Math.Max(1, BulgeChase.Steps(n, Width(n), 0))) + ChaseReplay.Room(n, count, threads);

    /// <summary>Reads the lower triangle of <paramref name="a"/> and leaves the reflections in both, for <see cref="ApplyTo"/>.</summary>
    public void Reduce(DoubleMatrix a, Span<double> diagonal, Span<double> offDiagonal)
    {
        int n = a.Rows, width = Width(n);
        long room = BandMatrix.Room(n, width);
        double* memory = (double*)_memory.Reserve(2 * room, exactly: true);
        for (long i = 0; i < room; i += int.MaxValue) new Span<double>(memory + i, (int)Math.Min(int.MaxValue, room - i)).Clear();
        var band = new BandMatrix(memory, n, width);
        _band.Reduce(a, band);
        _chase.Reduce(band, a);
        for (int i = 0; i < n; i++)
        {
            diagonal[i] = *band.At(i, i);
            offDiagonal[i] = i < n - 1 ? *band.At(i + 1, i) : 0;
        }
    }

    /// <summary>Every row x of <paramref name="x"/> ← Q·x.</summary>
    /// <param name="x">[any, n].</param>
    /// <param name="a">As <see cref="Reduce"/> left it.</param>
    public void ApplyTo(DoubleMatrix x, DoubleMatrix a)
    {
        _chase.ApplyTo(x, a, Width(a.Rows));
        _band.ApplyTo(x, a, Width(a.Rows));
    }

    public void Dispose()
    {
        _band.Dispose();
        _chase.Dispose();
        _memory.Dispose();
    }

    /// <summary>A wide band has fuller matrix products, a narrow one less to chase; both are multiples of <see cref="ChaseStep.Group"/>.</summary>
    internal static int Width(int n) => n < 900 ? ChaseStep.Group : BulgeChase.WidestBand;
}
