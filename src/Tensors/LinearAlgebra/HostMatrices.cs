using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>Float32 matrices of any device as float64 on the host and back: in place where the memory is the host's, otherwise some rows at a time.</summary>
internal sealed unsafe class HostMatrices(CpuDevice host) : IDisposable
{
    /// <summary>Numbers that are brought over at one time.</summary>
    public const int Piece = 1 << 18;

    private readonly Workspace _piece = new();
    private uint[] _largest = [];

    public long ReservedBytes => _piece.Bytes;

    /// <summary>Rows, of a matrix that is not the host's, that are brought over at one time.</summary>
    private static int Together(Matrix matrix) => matrix.Data.Buffer.Device.IsHostMemory ? matrix.Rows : Math.Clamp(Piece / Math.Max(1, matrix.Columns), 1, matrix.Rows);

    /// <summary>The power of two that brings the largest element to 1 … 2.</summary>
    /// <exception cref="NotFiniteMatrixException">An element is NaN or infinite.</exception>
    public double Scale(Matrix a)
    {
        float largest = Largest(a);
        if (!float.IsFinite(largest)) throw NotFinite(a);
        return largest == 0 ? 1 : Math.ScaleB(1, Math.ILogB(largest));
    }

    /// <summary>The largest magnitude of all elements; infinite or NaN where one of them is.</summary>
    public float Largest(Matrix a)
    {
        if (_largest.Length < a.Rows) _largest = new uint[a.Rows];
        uint most = 0;
        fixed (uint* largest = _largest)
        {
            int together = Together(a);
            for (int first = 0; first < a.Rows; first += together)
            {
                int rows = Math.Min(together, a.Rows - first);
                (nint data, int stride) = Bring(a.SliceRows(first, rows));
                var job = new LargestJob { Source = (float*)data, Stride = stride, Columns = a.Columns, Largest = largest + first };
                host.Pool.Run(ref job, rows);
            }

            for (int i = 0; i < a.Rows; i++) most = Math.Max(most, largest[i]);
        }

        return BitConverter.UInt32BitsToSingle(most);
    }

    /// <summary>x ← a part of the matrix over a number.</summary>
    /// <param name="a">The matrix.</param>
    /// <param name="row">Of its first element.</param>
    /// <param name="column">The same.</param>
    /// <param name="x">As large as the part.</param>
    /// <param name="scale">The number; nothing is rounded where it is a power of two.</param>
    public void Load(Matrix a, int row, int column, DoubleMatrix x, double scale)
    {
        int together = Together(a);
        for (int first = 0; first < x.Rows; first += together)
        {
            int rows = Math.Min(together, x.Rows - first);
            (nint data, int stride) = Bring(a.SliceRows(row + first, rows));
            var job = new LoadJob { Source = (float*)data + column, Stride = stride, Factor = 1 / scale, Target = x.Slice(first, 0, rows, x.Columns) };
            host.Pool.Run(ref job, rows);
        }
    }

    /// <summary>Target ← factor·(the rows of a matrix), rounded; or the rows as columns.</summary>
    public void Store(Matrix target, DoubleMatrix rows, bool transpose, double factor = 1)
    {
        if (target.IsNone || target.Rows == 0 || target.Columns == 0) return;
        Device device = target.Data.Buffer.Device;
        bool here = device.IsHostMemory;
        int together = Together(target);
        for (int first = 0; first < target.Rows; first += together)
        {
            Matrix part = target.SliceRows(first, Math.Min(together, target.Rows - first));
            DoubleMatrix source = transpose ? rows.Slice(0, first, rows.Rows, part.Rows) : rows.Slice(first, 0, part.Rows, rows.Columns);
            var job = new StoreJob
            {
                Source = source,
                Transpose = transpose,
                Factor = factor,
                Target = here ? (float*)part.Data.Address : _piece.Reserve((long)part.Rows * part.Columns),
                Stride = here ? part.Stride : part.Columns,
                Rows = part.Rows,
            };
            host.Pool.Run(ref job, (part.Rows + StoreJob.Each - 1) / StoreJob.Each);
            if (here) continue;
            var values = new Span<float>(job.Target, part.Rows * part.Columns);
            if (part.IsContiguous) device.Upload<float>(values, part.Data);
            else for (int i = 0; i < part.Rows; i++) device.Upload<float>(values.Slice(i * part.Columns, part.Columns), part.SliceRows(i, 1).Data);
        }
    }

    public void Dispose() => _piece.Dispose();

    private (nint Data, int Stride) Bring(Matrix part)
    {
        Device device = part.Data.Buffer.Device;
        if (device.IsHostMemory) return (part.Data.Address, part.Stride);
        float* data = _piece.Reserve((long)part.Rows * part.Columns);
        var values = new Span<float>(data, part.Rows * part.Columns);
        if (part.IsContiguous) device.Download(part.Data, values);
        else for (int i = 0; i < part.Rows; i++) device.Download(part.SliceRows(i, 1).Data, values.Slice(i * part.Columns, part.Columns));
        return ((nint)data, part.Columns);
    }

    /// <summary>Names the first element that is to blame; after <see cref="Largest"/>.</summary>
    private NotFiniteMatrixException NotFinite(Matrix a)
    {
        int row = Array.FindIndex(_largest, bits => !float.IsFinite(BitConverter.UInt32BitsToSingle(bits))), column = 0;
        (nint data, _) = Bring(a.SliceRows(row, 1));
        var values = (float*)data;
        while (float.IsFinite(values[column])) column++;
        return new NotFiniteMatrixException($"Element [{row}, {column}] of a matrix of {a.Rows} x {a.Columns} is {(double)values[column]}: only finite matrices have singular values.", nameof(a));
    }

    /// <summary>A row for each task; the bits of its largest magnitude, beyond all numbers where one is NaN or infinite.</summary>
    private struct LargestJob : IParallelJob
    {
        private const uint Magnitude = 0x7FFF_FFFF;

        public float* Source;
        public int Stride;
        public int Columns;
        public uint* Largest;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Execute(int task)
        {
            float* source = Source + ((long)task * Stride);
            Vector512<uint> magnitudes = Vector512<uint>.Zero, magnitude = Vector512.Create(Magnitude);
            int j = 0, lanes = Vector512<float>.Count;
            for (; j <= Columns - lanes; j += lanes) magnitudes = Vector512.Max(magnitudes, Vector512.Load(source + j).AsUInt32() & magnitude);
            uint largest = 0;
            for (int lane = 0; lane < lanes; lane++) largest = Math.Max(largest, magnitudes[lane]);
            for (; j < Columns; j++) largest = Math.Max(largest, BitConverter.SingleToUInt32Bits(source[j]) & Magnitude);
            Largest[task] = largest;
        }
    }

    /// <summary>A row for each task.</summary>
    private struct LoadJob : IParallelJob
    {
        public float* Source;
        public int Stride;
        public double Factor;
        public DoubleMatrix Target;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Execute(int task)
        {
            float* source = Source + ((long)task * Stride);
            double* target = Target[task];
            Vector512<double> factor = Vector512.Create(Factor);
            int j = 0, lanes = Vector512<float>.Count;
            for (; j <= Target.Columns - lanes; j += lanes)
            {
                (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(Vector512.Load(source + j));
                (lower * factor).Store(target + j);
                (upper * factor).Store(target + j + (lanes / 2));
            }

            for (; j < Target.Columns; j++) target[j] = source[j] * Factor;
        }
    }

    /// <summary>Some rows of the target for each task.</summary>
    private struct StoreJob : IParallelJob
    {
        public const int Each = 16;

        public DoubleMatrix Source;
        public bool Transpose;
        public double Factor;
        public float* Target;
        public int Stride;
        public int Rows;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Execute(int task)
        {
            int first = task * Each, count = Math.Min(Each, Rows - first);
            float* target = Target + ((long)first * Stride);
            if (Transpose)
            {
                for (int i = 0; i < Source.Rows; i++)
                {
                    double* row = Source[i] + first;
                    for (int j = 0; j < count; j++) target[((long)j * Stride) + i] = (float)(Factor * row[j]);
                }

                return;
            }

            Vector512<double> factor = Vector512.Create(Factor);
            int lanes = Vector512<float>.Count;
            for (int i = 0; i < count; i++)
            {
                double* row = Source[first + i];
                float* at = target + ((long)i * Stride);
                int j = 0;
                for (; j <= Source.Columns - lanes; j += lanes)
                    Vector512.Narrow(Vector512.Load(row + j) * factor, Vector512.Load(row + j + (lanes / 2)) * factor).Store(at + j);
                for (; j < Source.Columns; j++) at[j] = (float)(Factor * row[j]);
            }
        }
    }
}
