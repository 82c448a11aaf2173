using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// y ← A·x for a symmetric A of which only the lower triangle is read, once: each element works for its row and for its column. The rows are cut into parts of equal area, as many as
/// the size alone asks for; each has a y of its own, and these are added in order, so that bits do not depend on the threads.
/// </summary>
internal sealed unsafe class SymmetricProduct(CpuDevice device) : IDisposable
{
    private const int MostParts = 16;
    private const int Height = 4;

    private readonly Workspace _parts = new();

    public void Multiply(DoubleMatrix a, double* x, double* y)
    {
        int n = a.Rows, parts = Math.Clamp(n / 48, 1, MostParts);
        var job = new PartJob { A = a, X = x, Partial = (double*)_parts.Reserve(2L * parts * n), Parts = parts };
        device.Pool.Run(ref job, parts);
        new Span<double>(job.Partial + ((long)(parts - 1) * n), n).CopyTo(new Span<double>(y, n));
        for (int part = parts - 2; part >= 0; part--) DoubleVectors.Add(y, job.Partial + ((long)part * n), 1, job.End(part));
    }

    public void Dispose() => _parts.Dispose();

    private struct PartJob : IParallelJob
    {
        public DoubleMatrix A;
        public double* X;
        public double* Partial;
        public int Parts;

        /// <summary>One past the last row of a part.</summary>
        public readonly int End(int part) => part == Parts - 1 ? A.Rows : Math.Min(A.Rows, (int)(A.Rows * Math.Sqrt((part + 1.0) / Parts)) / Height * Height);

        public readonly void Execute(int task)
        {
            double* y = Partial + ((long)task * A.Rows);
            int start = task == 0 ? 0 : End(task - 1), end = End(task);
            new Span<double>(y, end).Clear();
            int i = start;
            for (; i <= end - Height; i += Height) FourRows(A[i], A.Stride, X, y, i);
            for (; i < end; i++) OneRow(A[i], X, y, i);
        }

        private static void OneRow(double* row, double* x, double* y, int i)
        {
            DoubleVectors.Add(y, row, x[i], i);
            y[i] += DoubleVectors.Dot(row, x, i + 1);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void FourRows(double* a, int stride, double* x, double* y, int i)
        {
            double* b = a + stride, c = b + stride, d = c + stride;
            Vector512<double> s0 = default, s1 = default, s2 = default, s3 = default;
            Vector512<double> t0 = Vector512.Create(x[i]), t1 = Vector512.Create(x[i + 1]), t2 = Vector512.Create(x[i + 2]), t3 = Vector512.Create(x[i + 3]);
            int j = 0;
            for (; j <= i - 8; j += 8)
            {
                Vector512<double> v0 = Vector512.Load(a + j), v1 = Vector512.Load(b + j), v2 = Vector512.Load(c + j), v3 = Vector512.Load(d + j), xs = Vector512.Load(x + j);
                s0 = Vector512.FusedMultiplyAdd(v0, xs, s0);
                s1 = Vector512.FusedMultiplyAdd(v1, xs, s1);
                s2 = Vector512.FusedMultiplyAdd(v2, xs, s2);
                s3 = Vector512.FusedMultiplyAdd(v3, xs, s3);
                Vector512<double> sum = Vector512.FusedMultiplyAdd(v1, t1, Vector512.FusedMultiplyAdd(v0, t0, Vector512.Load(y + j)));
                Vector512.FusedMultiplyAdd(v3, t3, Vector512.FusedMultiplyAdd(v2, t2, sum)).Store(y + j);
            }

            double* sums = stackalloc double[Height] { DoubleVectors.Sum(s0), DoubleVectors.Sum(s1), DoubleVectors.Sum(s2), DoubleVectors.Sum(s3) };
            for (int r = 0; r < Height; r++)
            {
                double* row = a + ((long)r * stride);
                for (int k = j; k < i + r; k++)
                {
                    sums[r] = Math.FusedMultiplyAdd(row[k], x[k], sums[r]);
                    y[k] = Math.FusedMultiplyAdd(row[k], x[i + r], y[k]);
                }
            }

            for (int r = 0; r < Height; r++) y[i + r] += Math.FusedMultiplyAdd(a[((long)r * stride) + i + r], x[i + r], sums[r]);
        }
    }
}
