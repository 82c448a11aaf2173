using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// C ← α·op(A)·op(B) + β·C in float64 on a CPU device's threads, for decompositions whose accuracy needs it. With β = 0 the old C is not read. Results do not
/// depend on the number of threads or the vector width: k is cut into blocks of <see cref="BlockLength"/>, a block's sum runs in the order of k, blocks are added in order.
/// </summary>
/// <param name="device">Whose threads and vector width.</param>
/// <param name="stop">Asked before each block; null where nobody stops it.</param>
internal sealed unsafe class DoubleProduct(CpuDevice device, StopPoint? stop = null) : IDisposable
{
    /// <summary>Steps of k that are packed at one time.</summary>
    public const int BlockLength = 256;

    /// <summary>Columns of C that are made at one time, so that what is packed for them is small beside the caches: whole panels of every width, four blocks of k and a few more.</summary>
    private const int MostColumns = 1032;

    private readonly Workspace _packedB = new();
    private readonly Workspace _packedA = new();

    public long ReservedBytes => _packedA.Bytes + _packedB.Bytes;

    /// <summary>float64 numbers of memory for products of that many columns, at most.</summary>
    public static long Room(int columns, int threads) => BlockLength * (Math.Min(columns, MostColumns) + 48L + (threads * 64L));

    /// <summary>C ← α·op(A)·op(B) + β·C; with <paramref name="lowerOnly"/> only what lies on or below C's diagonal, and what is above is undefined.</summary>
    public void Multiply(DoubleMatrix c, DoubleMatrix a, bool transposeA, DoubleMatrix b, bool transposeB, double alpha = 1, double beta = 0, bool lowerOnly = false) =>
        Run(c, a, transposeA ? Reading.Transposed : Reading.Plain, b, transposeB, alpha, beta, lowerOnly);

    /// <summary>C ← A·op(B) for a symmetric A, of which the lower triangle is read.</summary>
    public void MultiplySymmetric(DoubleMatrix c, DoubleMatrix a, DoubleMatrix b, bool transposeB) => Run(c, a, Reading.Symmetric, b, transposeB, 1, 0, lowerOnly: false);

    public void Dispose()
    {
        _packedA.Dispose();
        _packedB.Dispose();
    }

    private void Run(DoubleMatrix c, DoubleMatrix a, Reading reading, DoubleMatrix b, bool transposeB, double alpha, double beta, bool lowerOnly)
    {
        if (c.Rows == 0 || c.Columns == 0) return;
        switch (device.Simd)
        {
            case SimdLevel.Vector512: Run<Simd512, Vector512<float>, Vector512<double>>(c, a, reading, b, transposeB, alpha, beta, lowerOnly); break;
            case SimdLevel.Vector256: Run<Simd256, Vector256<float>, Vector256<double>>(c, a, reading, b, transposeB, alpha, beta, lowerOnly); break;
            default: Run<Simd128, Vector128<float>, Vector128<double>>(c, a, reading, b, transposeB, alpha, beta, lowerOnly); break;
        }
    }

    private void Run<S, V, D>(DoubleMatrix c, DoubleMatrix a, Reading reading, DoubleMatrix b, bool transposeB, double alpha, double beta, bool lowerOnly)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int k = reading == Reading.Transposed ? a.Rows : a.Columns, threads = device.Pool.Threads;
        int width = DoubleMicroKernel<S, V, D>.Columns, panels = (c.Columns + width - 1) / width, most = Math.Min(panels, MostColumns / width);
        int rowBlocks = (c.Rows + MultiplyJob<S, V, D>.RowBlock - 1) / MultiplyJob<S, V, D>.RowBlock;
        var pack = new PackJob<S, V, D> { B = b, Transpose = transposeB, Columns = c.Columns, Packed = (double*)_packedB.Reserve(2L * most * width * BlockLength, exactly: true) };
        var job = new MultiplyJob<S, V, D>
        {
            C = c,
            A = a,
            Reading = reading,
            PackedB = pack.Packed,
            PackedA = (double*)_packedA.Reserve(2L * threads * MultiplyJob<S, V, D>.RowBlock * BlockLength, exactly: true),
            Alpha = alpha,
            LowerOnly = lowerOnly,
            Pool = device.Pool,
        };
        for (int first = 0; first < panels; first += most)
        {
            pack.First = job.First = first;
            job.Panels = Math.Min(most, panels - first);
            job.ColumnBlocks = Math.Clamp(((4 * threads) + rowBlocks - 1) / rowBlocks, 1, job.Panels);
            for (int start = 0; start == 0 || start < k; start += BlockLength)
            {
                stop?.Pass();
                pack.Start = job.Start = start;
                pack.Count = job.Count = Math.Min(BlockLength, k - start);
                job.Beta = start == 0 ? beta : 1;
                device.Pool.Run(ref pack, job.Panels);
                device.Pool.Run(ref job, rowBlocks * job.ColumnBlocks);
            }
        }
    }

    /// <summary>What stands in memory as A.</summary>
    private enum Reading
    {
        Plain,
        Transposed,
        Symmetric,
    }

    /// <summary>A panel of op(B) for each task: its columns side by side for every step of k, zeros behind the last.</summary>
    private struct PackJob<S, V, D> : IParallelJob
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        public DoubleMatrix B;
        public bool Transpose;
        public int Columns;
        public int First;
        public int Start;
        public int Count;
        public double* Packed;

        public readonly void Execute(int task)
        {
            int width = DoubleMicroKernel<S, V, D>.Columns, first = (First + task) * width, columns = Math.Min(width, Columns - first);
            double* target = Packed + ((long)task * width * BlockLength);
            if (Transpose) DoubleTranspose.Copy(B[first] + Start, B.Stride, columns, Count, target, width);
            else if (columns == width) Copy(B[Start] + first, B.Stride, Count, target);
            for (int p = 0; columns < width && p < Count; p++, target += width)
            {
                if (!Transpose) new Span<double>(B[Start + p] + first, columns).CopyTo(new Span<double>(target, width));
                new Span<double>(target + columns, width - columns).Clear();
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Copy(double* source, int stride, int count, double* target)
        {
            int w = S.Count / 2;
            for (; count > 0; count--, source += stride, target += 3 * w)
            {
                D x = S.LoadDouble(source), y = S.LoadDouble(source + w), z = S.LoadDouble(source + (2 * w));
                S.StoreDouble(target, x);
                S.StoreDouble(target + w, y);
                S.StoreDouble(target + (2 * w), z);
            }
        }
    }

    private struct MultiplyJob<S, V, D> : IParallelJob
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        /// <summary>Rows of A that a task packs: 128 KiB stay in the second-level cache.</summary>
        public const int RowBlock = 64;

        public DoubleMatrix C;
        public DoubleMatrix A;
        public Reading Reading;
        public double* PackedB;
        public double* PackedA;
        public double Alpha;
        public double Beta;
        public bool LowerOnly;
        public int Start;
        public int Count;
        public int First;
        public int Panels;
        public int ColumnBlocks;
        public WorkerPool Pool;

        public readonly void Execute(int task)
        {
            int height = DoubleMicroKernel<S, V, D>.Rows, width = DoubleMicroKernel<S, V, D>.Columns;
            int block = task % ColumnBlocks, row = task / ColumnBlocks * RowBlock, rows = Math.Min(RowBlock, C.Rows - row);
            int from = First + (int)((long)Panels * block / ColumnBlocks), to = First + (int)((long)Panels * (block + 1) / ColumnBlocks);
            if (LowerOnly) to = Math.Min(to, ((row + rows - 1) / width) + 1);
            if (from >= to) return;
            double* packed = PackedA + ((long)Pool.CurrentWorker * RowBlock * BlockLength);
            for (int i = 0; i < rows; i += height) Pack(packed + ((long)i * BlockLength), row + i, Math.Min(height, rows - i), height);
            double* tile = stackalloc double[8 * 24];
            for (int panel = from; panel < to; panel++)
            {
                double* b = PackedB + ((long)(panel - First) * width * BlockLength);
                int columns = Math.Min(width, C.Columns - (panel * width));
                for (int i = 0; i < rows; i += height)
                {
                    if (Beta != 0) Prefetch(row + i, panel * width, Math.Min(height, rows - i), columns);
                    double* a = packed + ((long)i * BlockLength);
                    if (columns == width && rows - i >= height && (Beta is 0 or 1))
                    {
                        DoubleMicroKernel<S, V, D>.Multiply(Count, a, b, C[row + i] + (panel * width), C.Stride, Alpha, Beta != 0);
                        continue;
                    }

                    DoubleMicroKernel<S, V, D>.Multiply(Count, a, b, tile, width, 1, false);
                    for (int r = 0; r < Math.Min(height, rows - i); r++) Finish(C[row + i + r] + (panel * width), tile + (r * width), columns);
                }
            }
        }

        /// <summary>What will be added to is on its way while the sums are made.</summary>
        private readonly void Prefetch(int row, int column, int rows, int columns)
        {
            const int line = 8;
            if (!Sse.IsSupported) return;
            for (int r = 0; r < rows; r++)
            {
                double* c = C[row + r] + column;
                for (int j = 0; j < columns; j += line) Sse.Prefetch0(c + j);
                Sse.Prefetch0(c + columns - 1);
            }
        }

        /// <summary>Rows side by side for every step of k, zeros behind the last.</summary>
        private readonly void Pack(double* target, int row, int rows, int height)
        {
            // Of a symmetric matrix, what stands right of these rows' diagonal elements is read from below the diagonal.
            int plain = Reading switch { Reading.Plain => Count, Reading.Transposed => 0, _ => Math.Clamp(row - Start, 0, Count) };
            int mixed = Reading == Reading.Symmetric ? Math.Clamp(row + rows - Start, plain, Count) : plain;
            DoubleTranspose.Copy(A[row] + Start, A.Stride, rows, plain, target, height);
            for (int p = plain; p < mixed; p++)
            {
                for (int r = 0; r < rows; r++) target[(p * height) + r] = Start + p <= row + r ? A[row + r][Start + p] : A[Start + p][row + r];
            }

            if (rows == 8 && height == 8) for (int p = mixed; p < Count; p++) Vector512.Load(A[Start + p] + row).Store(target + (p * 8));
            else for (int p = mixed; p < Count; p++) new Span<double>(A[Start + p] + row, rows).CopyTo(new Span<double>(target + (p * height), rows));
            for (int p = 0; rows < height && p < Count; p++) new Span<double>(target + (p * height) + rows, height - rows).Clear();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Finish(double* c, double* tile, int columns)
        {
            if (Beta == 0) for (int j = 0; j < columns; j++) c[j] = Alpha * tile[j];
            else if (Beta == 1) DoubleVectors.Add(c, tile, Alpha, columns);
            else for (int j = 0; j < columns; j++) c[j] = (Alpha * tile[j]) + (Beta * c[j]);
        }
    }
}
