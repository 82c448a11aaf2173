using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// A symmetric band matrix B = Q·T·Qᵀ with T tridiagonal (Lang, A Parallel Algorithm for Reducing Symmetric Banded Matrices to Tridiagonal Form, 1993): a reflection clears
/// a column below its second element and makes a bulge, which further reflections push down the band, one width a step, out of the matrix. 6·n²·width operations in all.
/// </summary>
/// <remarks>
/// Step j of sweep s works on the rows s + 1 + j·width … s + (j + 1)·width, after step j − 1 of its own sweep and step j + 1 of the one before. What does not wait for
/// one another runs at the same time; the operations and their order within a row are the same however many threads there are.
/// </remarks>
/// <param name="device">Whose threads.</param>
/// <param name="stop">Asked before each wave; null where nobody stops it.</param>
internal sealed unsafe class BulgeChase(CpuDevice device, StopPoint? stop = null) : IDisposable
{
    public const int WidestBand = 48;

    /// <summary>Sweeps, and steps of each, that a task takes.</summary>
    private const int Together = 4;

    private readonly Workspace _tau = new();
    private readonly Workspace _products = new();
    private readonly Workspace _slabs = new();
    private int _steps;

    public long ReservedBytes => _tau.Bytes + _products.Bytes + _slabs.Bytes;

    /// <summary>Makes the band tridiagonal; row s of <paramref name="vectors"/>, right of its diagonal, ← the vectors of sweep s one after the other.</summary>
    public void Reduce(BandMatrix band, DoubleMatrix vectors)
    {
        int n = band.Rows;
        _steps = Steps(n, band.Width, 0);
        double* tau = (double*)_tau.Reserve(2L * n * Math.Max(1, _steps), exactly: true);
        int sweeps = n - 2, groups = (sweeps + Together - 1) / Together, depth = (_steps + Together - 1 + Together - 1) / Together;
        for (int wave = 0; wave <= (2 * (groups - 1)) + depth - 1; wave++)
        {
            stop?.Pass();
            // Group g of sweeps is at its stretch wave − 2·g.
            int first = Math.Max(0, (wave - depth + 2) / 2), last = Math.Min(groups - 1, wave / 2);
            var job = new WaveJob { Band = band, Vectors = vectors, Tau = tau, Steps = _steps, Wave = wave, First = first };
            device.Pool.Run(ref job, last - first + 1);
        }
    }

    /// <summary>Every row x of <paramref name="x"/> ← Q·x.</summary>
    /// <param name="x">[any, n].</param>
    /// <param name="vectors">As <see cref="Reduce"/> left them.</param>
    /// <param name="width">Of the band.</param>
    public void ApplyTo(DoubleMatrix x, DoubleMatrix vectors, int width)
    {
        int n = vectors.Rows;
        double* tau = (double*)_tau.Reserve(2L * n * Math.Max(1, _steps), exactly: true);
        var job = new ProductJob { Vectors = vectors, Width = width, Steps = _steps, Products = (double*)_products.Reserve(2L * n * Math.Max(1, _steps), exactly: true) };
        device.Pool.Run(ref job, n - 2);
        ChaseReplay.Apply(device, x, vectors, width, tau, job.Products, _steps, _slabs, stop);
    }

    public void Dispose()
    {
        _tau.Dispose();
        _products.Dispose();
        _slabs.Dispose();
    }

    /// <summary>Steps of a sweep, until its bulge is out of the matrix.</summary>
    internal static int Steps(int n, int width, int sweep) => Math.Max(0, (n - 2 - sweep + width) / width);

    private struct WaveJob : IParallelJob
    {
        public BandMatrix Band;
        public DoubleMatrix Vectors;
        public double* Tau;
        public int Steps;
        public int Wave;
        public int First;

        public readonly void Execute(int task)
        {
            int group = First + task, stretch = Wave - (2 * group), n = Band.Rows;
            for (int i = 0; i < Together; i++)
            {
                int sweep = (group * Together) + i;
                if (sweep >= n - 2) break;
                int to = Math.Min(((stretch + 1) * Together) - i, BulgeChase.Steps(n, Band.Width, sweep));
                for (int step = Math.Max(0, (stretch * Together) - i); step < to; step++) ChaseStep.Run(Band, Vectors[sweep], Tau + ((long)sweep * Steps), sweep, step);
            }
        }
    }

    /// <summary>Vectors of a sweep with those of the sweep before: each begins and ends one row below.</summary>
    private struct ProductJob : IParallelJob
    {
        public DoubleMatrix Vectors;
        public int Width;
        public int Steps;
        public double* Products;

        public readonly void Execute(int task)
        {
            int n = Vectors.Rows;
            for (int step = 0; task > 0 && step < BulgeChase.Steps(n, Width, task); step++)
            {
                int row = task + 1 + (step * Width);
                Products[((long)task * Steps) + step] = DoubleVectors.Dot(Vectors[task - 1] + row, Vectors[task] + row, Math.Min(Width - 1, n - row));
            }
        }
    }
}
