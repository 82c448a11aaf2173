using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// A symmetric matrix A = Q·B·Qᵀ with B a band matrix, by blocks of Householder reflections (Bischof, Lang and Sun, A Framework for Symmetric Band Reduction, 2000): the first of two
/// steps to tridiagonal form. Unlike the direct way, where half of the operations are products of A with one vector, nearly all are matrix products: 4/3·n³ of them.
/// </summary>
internal sealed unsafe class BandReduction(CpuDevice device, DoubleProduct product, Reflectors reflectors) : IDisposable
{
    /// <summary>Reflections that are applied at one time.</summary>
    public const int Together = 96;

    /// <summary>Reflections that are made one by one.</summary>
    private const int Inner = 8;

    private readonly Workspace _memory = new();
    private double[] _tau = [];

    public long ReservedBytes => _memory.Bytes;

    /// <summary>float64 numbers of memory for order n, at most.</summary>
    public static long Room(int n)
    {
        int width = Tridiagonalization.Width(n);
        return (Math.Max(6L * width, Together) * n) + (width * width);
    }

    /// <summary>Reads the lower triangle of <paramref name="a"/>; the reflections' vectors take the place of what is below the band.</summary>
    public void Reduce(DoubleMatrix a, BandMatrix band)
    {
        int n = a.Rows, width = band.Width;
        if (_tau.Length < n) _tau = new double[n];
        double* rows = (double*)_memory.Reserve(2L * ((6L * width * n) + (width * width)), exactly: true);
        double* images = rows + ((long)width * n), pairs = images + ((long)width * n), small = pairs + (4L * width * n);
        fixed (double* tau = _tau)
        {
            for (int start = 0; start < n; start += width)
            {
                int block = Math.Min(width, n - start), first = start + width, rest = n - first;
                for (int i = 0; i < block; i++) new Span<double>(a[start + i] + start, i + 1).CopyTo(new Span<double>(band.At(start + i, start), i + 1));
                if (rest <= 0) break;
                int count = Math.Min(width, rest);
                var v = new DoubleMatrix(rows, count, rest);
                Factor(a.Slice(first, start, rest, width), v, tau + start, band, first, start);
                Update(a.Slice(first, first, rest, rest), v, tau + start, images, pairs, new DoubleMatrix(small, count, count));
                Transpose(v, a.Slice(first, start, rest, count));
            }
        }
    }

    /// <summary>Every row x of <paramref name="x"/> ← Q·x.</summary>
    /// <param name="x">[any, n].</param>
    /// <param name="a">As <see cref="Reduce"/> left it.</param>
    /// <param name="width">Of the band.</param>
    public void ApplyTo(DoubleMatrix x, DoubleMatrix a, int width)
    {
        int n = a.Rows, together = Math.Max(1, Together / width) * width, last = n - width - 1;
        if (last < 0) return;
        double* memory = (double*)_memory.Reserve(2L * together * n, exactly: true);
        fixed (double* tau = _tau)
        {
            for (int start = last / together * together; start >= 0; start -= together)
            {
                int count = Math.Min(together, last + 1 - start), first = start + width, rest = n - first;
                var v = new DoubleMatrix(memory, count, rest);
                Transpose(a.Slice(first, start, rest, count), v);
                for (int c = 0; c < count; c++)
                {
                    new Span<double>(v[c], c).Clear();
                    v[c][c] = 1;
                }

                reflectors.Apply(x.Slice(0, first, x.Rows, rest), v, tau + start, transpose: false);
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    /// <summary>Panel = Q·R: R goes to the band, the vectors of Q become the rows of <paramref name="v"/>.</summary>
    private void Factor(DoubleMatrix panel, DoubleMatrix v, double* tau, BandMatrix band, int row, int column)
    {
        int rest = panel.Rows, width = panel.Columns;
        // Where the panel is wider than it is long, the last columns have nothing below R.
        double* extra = stackalloc double[width];
        Transpose(panel.Slice(0, 0, rest, v.Rows), v);
        for (int c = 0; c < width; c++)
        {
            double* x = c < v.Rows ? v[c] : extra;
            int from = c < v.Rows ? c / Inner * Inner : 0;
            if (c >= v.Rows) for (int r = 0; r < rest; r++) x[r] = panel[r][c];
            Reflect(v, tau, from, Math.Min(c, v.Rows), x);
            for (int r = 0; r < Math.Min(c, rest); r++) *band.At(row + r, column + c) = x[r];
            if (c >= v.Rows) continue;
            (tau[c], *band.At(row + c, column + c)) = Reflectors.Make(x + c, rest - c);
            new Span<double>(x, c).Clear();
            if (c % Inner < Inner - 1) continue;
            var job = new PanelJob { V = v, Tau = tau, From = from, To = c + 1 };
            device.Pool.Run(ref job, v.Rows - c - 1);
        }
    }

    private static void Reflect(DoubleMatrix v, double* tau, int from, int to, double* x)
    {
        for (int p = from; p < to; p++) DoubleVectors.Add(x + p, v[p] + p, -tau[p] * DoubleVectors.Dot(x + p, v[p] + p, v.Columns - p), v.Columns - p);
    }

    /// <summary>
    /// A ← Hᵀ·A·H for H = I − V·T·Vᵀ: with Y = V·T, P = A·Y and W = P − ½·V·(YᵀP) it is A − V·Wᵀ − W·Vᵀ. Reads and writes the lower triangle.
    /// </summary>
    /// <param name="a">[rest, rest].</param>
    /// <param name="v">[count, rest]: Vᵀ.</param>
    /// <param name="tau">[count].</param>
    /// <param name="images">Memory for [count, rest].</param>
    /// <param name="pairs">Memory for two of [rest, 2·count].</param>
    /// <param name="small">[count, count].</param>
    private void Update(DoubleMatrix a, DoubleMatrix v, double* tau, double* images, double* pairs, DoubleMatrix small)
    {
        int count = v.Rows, rest = v.Columns;
        var y = new DoubleMatrix(images, count, rest);
        var left = new DoubleMatrix(pairs, rest, 2 * count);
        var right = new DoubleMatrix(pairs + (2L * count * rest), rest, 2 * count);
        DoubleMatrix w = left.Slice(0, count, rest, count);
        product.Multiply(y, reflectors.Triangle(v, tau), true, v, false);
        product.MultiplySymmetric(w, a, y, true);
        product.Multiply(small, y, false, w, false);
        product.Multiply(w, v, true, small, false, -0.5, 1);
        var job = new PairJob { V = v, Left = left, Right = right };
        device.Pool.Run(ref job, (rest + PairJob.Each - 1) / PairJob.Each);
        product.Multiply(a, left, false, right, true, -1, 1, lowerOnly: true);
    }

    private void Transpose(DoubleMatrix source, DoubleMatrix target)
    {
        var job = new TransposeJob { Source = source, Target = target, Across = source.Rows > source.Columns };
        device.Pool.Run(ref job, (Math.Max(source.Rows, source.Columns) + TransposeJob.Each - 1) / TransposeJob.Each);
    }

    /// <summary>Some reflections, on each of the rows behind them.</summary>
    private struct PanelJob : IParallelJob
    {
        public DoubleMatrix V;
        public double* Tau;
        public int From;
        public int To;

        public readonly void Execute(int task) => Reflect(V, Tau, From, To, V[To + task]);
    }

    /// <summary>Parts of the longer side.</summary>
    private struct TransposeJob : IParallelJob
    {
        public const int Each = 128;

        public DoubleMatrix Source;
        public DoubleMatrix Target;
        public bool Across;

        public readonly void Execute(int task)
        {
            DoubleMatrix source = Across
                ? Source.Slice(task * Each, 0, Math.Min(Each, Source.Rows - (task * Each)), Source.Columns)
                : Source.Slice(0, task * Each, Source.Rows, Math.Min(Each, Source.Columns - (task * Each)));
            double* target = Across ? Target.Data + (task * Each) : Target[task * Each];
            DoubleTranspose.Copy(source.Data, source.Stride, source.Rows, source.Columns, target, Target.Stride);
        }
    }

    /// <summary>[V | W] has its right half; makes the left one, and [W | V].</summary>
    private struct PairJob : IParallelJob
    {
        public const int Each = 128;

        public DoubleMatrix V;
        public DoubleMatrix Left;
        public DoubleMatrix Right;

        public readonly void Execute(int task)
        {
            int count = V.Rows, first = task * Each, last = Math.Min(Left.Rows, first + Each);
            DoubleTranspose.Copy(V.Data + first, V.Stride, count, last - first, Left[first], Left.Stride);
            for (int r = first; r < last; r++)
            {
                double* row = Left[r];
                new Span<double>(row, count).CopyTo(new Span<double>(Right[r] + count, count));
                new Span<double>(row + count, count).CopyTo(new Span<double>(Right[r], count));
            }
        }
    }
}
