using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// The reflections of a bulge chase, applied to many vectors from the last to the first: 2·n² operations a vector. A task takes some vectors, side by side, through all of
/// them, two reflections of neighbouring sweeps at a time, so that each number is read twice and written once for eight operations.
/// </summary>
internal static unsafe class ChaseReplay
{
    /// <summary>Slabs that a task takes at one time, so that the reflections come fewer times from memory.</summary>
    private const int MostSlabs = 4;

    /// <summary>Every row x of <paramref name="x"/> ← Q·x.</summary>
    /// <param name="device">Whose threads.</param>
    /// <param name="x">[any, n].</param>
    /// <param name="vectors">[n, n]: row s, from s + 1 on, has the vectors of sweep s one after the other.</param>
    /// <param name="width">Of a vector.</param>
    /// <param name="tau">[n, steps].</param>
    /// <param name="products">[n, steps]: of each vector and the one of the sweep before, where both are.</param>
    /// <param name="steps">Of the first sweep.</param>
    /// <param name="memory">For the slabs.</param>
    /// <param name="stop">Asked before each task; null where nobody stops it.</param>
    /// <exception cref="OperationCanceledException">It was asked to stop; the vectors are undefined.</exception>
    public static void Apply(CpuDevice device, DoubleMatrix x, DoubleMatrix vectors, int width, double* tau, double* products, int steps, Workspace memory, StopPoint? stop = null)
    {
        switch (device.Simd)
        {
            case SimdLevel.Vector512: Run<Simd512, Vector512<float>, Vector512<double>>(device, x, vectors, width, tau, products, steps, memory, stop); break;
            case SimdLevel.Vector256: Run<Simd256, Vector256<float>, Vector256<double>>(device, x, vectors, width, tau, products, steps, memory, stop); break;
            default: Run<Simd128, Vector128<float>, Vector128<double>>(device, x, vectors, width, tau, products, steps, memory, stop); break;
        }
    }

    /// <summary>float64 numbers of memory for so many vectors of order n, at most.</summary>
    public static long Room(int n, int count, int threads)
    {
        int each = SlabJob<Simd512, Vector512<float>, Vector512<double>>.Columns;
        // Narrower registers make narrower slabs, of which a few more fit.
        return threads * (((Together(count, each, threads) + 1L) * each * n) + SlabJob<Simd512, Vector512<float>, Vector512<double>>.Room);
    }

    private static int Together(int count, int each, int threads) => Math.Clamp((count + each - 1) / each / (2 * threads), 1, MostSlabs);

    private static void Run<S, V, D>(CpuDevice device, DoubleMatrix x, DoubleMatrix vectors, int width, double* tau, double* products, int steps, Workspace memory, StopPoint? stop)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        if (vectors.Rows < 3) return;
        int each = SlabJob<S, V, D>.Columns, slabs = (x.Rows + each - 1) / each, together = Together(x.Rows, each, device.Pool.Threads);
        long room = ((long)together * each * vectors.Rows) + SlabJob<S, V, D>.Room;
        var job = new SlabJob<S, V, D>
        {
            X = x,
            Vectors = vectors,
            Tau = tau,
            Products = products,
            Width = width,
            Steps = steps,
            Slabs = together,
            Memory = (double*)memory.Reserve(2 * device.Pool.Threads * room, exactly: true),
            Each = room,
            Pool = device.Pool,
            Stop = stop,
        };
        stop?.Pass();
        device.Pool.Run(ref job, (slabs + together - 1) / together);
        // Tasks that were not done have left their vectors as they were.
        stop?.Pass();
    }

    private struct SlabJob<S, V, D> : IParallelJob
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        /// <summary>Sweeps after which the vectors are gone through again: their reflections of one step and the rows they touch stay in the first-level cache.</summary>
        private const int Group = 32;

        /// <summary>From one vector of a group to the next, packed.</summary>
        private const int Packed = BulgeChase.WidestBand;

        /// <summary>float64 numbers beside the slabs.</summary>
        public const int Room = Group * Packed;

        public DoubleMatrix X;
        public DoubleMatrix Vectors;
        public double* Tau;
        public int Width;
        public int Steps;
        public int Slabs;
        public double* Products;
        public double* Memory;
        public long Each;
        public WorkerPool Pool;
        public StopPoint? Stop;

        /// <summary>Vectors side by side in a slab.</summary>
        public static int Columns
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => 3 * S.Count / 2;
        }

        public readonly void Execute(int task)
        {
            if (Stop is { IsAsked: true }) return;
            int n = Vectors.Rows, from = task * Slabs * Columns, slabs = Math.Min(Slabs, (X.Rows - from + Columns - 1) / Columns);
            double* packed = Memory + (Pool.CurrentWorker * Each), memory = packed + Room;
            for (int slab = 0; slab < slabs; slab++) Turn(memory + ((long)slab * Columns * n), from + (slab * Columns), back: false);
            int sweeps = n - 2;
            for (int group = (sweeps - 1) / Group * Group; group >= 0; group -= Group)
            {
                int end = Math.Min(group + Group, sweeps) - 1;
                for (int step = 0; step < BulgeChase.Steps(n, Width, group); step++)
                {
                    // Sweeps that come this far.
                    int last = Math.Min(end, n - 2 - (step * Width));
                    for (int sweep = group; sweep <= last; sweep++)
                    {
                        int row = sweep + 1 + (step * Width), rows = Math.Min(Width, n - row);
                        new Span<double>(Vectors[sweep] + row, rows).CopyTo(new Span<double>(packed + ((sweep - group) * Packed), rows));
                    }

                    for (int slab = 0; slab < slabs; slab++) Sweeps(memory + ((long)slab * Columns * n), packed, group, last, step);
                }
            }

            for (int slab = 0; slab < slabs; slab++) Turn(memory + ((long)slab * Columns * n), from + (slab * Columns), back: true);
        }

        private readonly void Sweeps(double* slab, double* packed, int first, int last, int step)
        {
            int sweep = last;
            for (; sweep > first; sweep -= 2)
            {
                int row = sweep + (step * Width), rows = Math.Min(Width, Vectors.Rows - row), next = Math.Min(Width, Vectors.Rows - row - 1);
                long at = ((long)sweep * Steps) + step;
                double* v = packed + ((sweep - first) * Packed);
                Two(slab + ((long)row * Columns), v - Packed, rows, Tau[at - Steps], v, next, Tau[at], Products[at]);
            }

            if (sweep == first)
            {
                int row = sweep + 1 + (step * Width);
                One(slab + ((long)row * Columns), packed, Math.Min(Width, Vectors.Rows - row), Tau[((long)sweep * Steps) + step]);
            }
        }

        /// <summary>X ← H_u·H_v·X, where v begins one row below u and ends with it or one row below.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Two(double* x, double* u, int rows, double tauU, double* v, int next, double tauV, double product)
        {
            int w = S.Count / 2, columns = 3 * w, both = rows - 1;
            D z = S.CreateDouble(0), head = S.CreateDouble(u[0]);
            D a0 = S.Multiply(head, S.LoadDouble(x)), a1 = S.Multiply(head, S.LoadDouble(x + w)), a2 = S.Multiply(head, S.LoadDouble(x + (2 * w))), c0 = z, c1 = z, c2 = z;
            D b0 = z, b1 = z, b2 = z, d0 = z, d1 = z, d2 = z;
            double* at = x + columns;
            int i = 0;
            for (; i <= both - 2; i += 2, at += 2 * columns)
            {
                D p = S.CreateDouble(u[i + 1]), q = S.CreateDouble(v[i]), t = S.LoadDouble(at), y = S.LoadDouble(at + w), e = S.LoadDouble(at + (2 * w));
                (a0, a1, a2) = (S.FusedMultiplyAdd(p, t, a0), S.FusedMultiplyAdd(p, y, a1), S.FusedMultiplyAdd(p, e, a2));
                (b0, b1, b2) = (S.FusedMultiplyAdd(q, t, b0), S.FusedMultiplyAdd(q, y, b1), S.FusedMultiplyAdd(q, e, b2));
                (p, q, t, y, e) = (S.CreateDouble(u[i + 2]), S.CreateDouble(v[i + 1]), S.LoadDouble(at + columns), S.LoadDouble(at + columns + w), S.LoadDouble(at + columns + (2 * w)));
                (c0, c1, c2) = (S.FusedMultiplyAdd(p, t, c0), S.FusedMultiplyAdd(p, y, c1), S.FusedMultiplyAdd(p, e, c2));
                (d0, d1, d2) = (S.FusedMultiplyAdd(q, t, d0), S.FusedMultiplyAdd(q, y, d1), S.FusedMultiplyAdd(q, e, d2));
            }

            for (; i < next; i++, at += columns)
            {
                // The row below u is v's alone.
                D p = S.CreateDouble(i < both ? u[i + 1] : 0), q = S.CreateDouble(v[i]), t = S.LoadDouble(at), y = S.LoadDouble(at + w), e = S.LoadDouble(at + (2 * w));
                (a0, a1, a2) = (S.FusedMultiplyAdd(p, t, a0), S.FusedMultiplyAdd(p, y, a1), S.FusedMultiplyAdd(p, e, a2));
                (b0, b1, b2) = (S.FusedMultiplyAdd(q, t, b0), S.FusedMultiplyAdd(q, y, b1), S.FusedMultiplyAdd(q, e, b2));
            }

            // H_v first: u·(X − v·b) = u·X − (u·v)·b.
            D minus = S.CreateDouble(-product), factor = S.CreateDouble(-tauU), other = S.CreateDouble(tauV);
            (b0, b1, b2) = (S.Multiply(other, S.Add(b0, d0)), S.Multiply(other, S.Add(b1, d1)), S.Multiply(other, S.Add(b2, d2)));
            a0 = S.Multiply(factor, S.FusedMultiplyAdd(minus, b0, S.Add(a0, c0)));
            a1 = S.Multiply(factor, S.FusedMultiplyAdd(minus, b1, S.Add(a1, c1)));
            a2 = S.Multiply(factor, S.FusedMultiplyAdd(minus, b2, S.Add(a2, c2)));
            (b0, b1, b2) = (S.Subtract(z, b0), S.Subtract(z, b1), S.Subtract(z, b2));
            S.StoreDouble(x, S.FusedMultiplyAdd(head, a0, S.LoadDouble(x)));
            S.StoreDouble(x + w, S.FusedMultiplyAdd(head, a1, S.LoadDouble(x + w)));
            S.StoreDouble(x + (2 * w), S.FusedMultiplyAdd(head, a2, S.LoadDouble(x + (2 * w))));
            at = x + columns;
            for (i = 0; i < both; i++, at += columns)
            {
                D p = S.CreateDouble(u[i + 1]), q = S.CreateDouble(v[i]);
                S.StoreDouble(at, S.FusedMultiplyAdd(p, a0, S.FusedMultiplyAdd(q, b0, S.LoadDouble(at))));
                S.StoreDouble(at + w, S.FusedMultiplyAdd(p, a1, S.FusedMultiplyAdd(q, b1, S.LoadDouble(at + w))));
                S.StoreDouble(at + (2 * w), S.FusedMultiplyAdd(p, a2, S.FusedMultiplyAdd(q, b2, S.LoadDouble(at + (2 * w)))));
            }

            if (next > both)
            {
                D q = S.CreateDouble(v[both]);
                S.StoreDouble(at, S.FusedMultiplyAdd(q, b0, S.LoadDouble(at)));
                S.StoreDouble(at + w, S.FusedMultiplyAdd(q, b1, S.LoadDouble(at + w)));
                S.StoreDouble(at + (2 * w), S.FusedMultiplyAdd(q, b2, S.LoadDouble(at + (2 * w))));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void One(double* x, double* u, int rows, double tau)
        {
            int w = S.Count / 2, columns = 3 * w;
            D a0 = S.CreateDouble(0), a1 = a0, a2 = a0, factor = S.CreateDouble(-tau);
            double* at = x;
            for (int i = 0; i < rows; i++, at += columns)
            {
                D p = S.CreateDouble(u[i]);
                a0 = S.FusedMultiplyAdd(p, S.LoadDouble(at), a0);
                a1 = S.FusedMultiplyAdd(p, S.LoadDouble(at + w), a1);
                a2 = S.FusedMultiplyAdd(p, S.LoadDouble(at + (2 * w)), a2);
            }

            (a0, a1, a2) = (S.Multiply(factor, a0), S.Multiply(factor, a1), S.Multiply(factor, a2));
            at = x;
            for (int i = 0; i < rows; i++, at += columns)
            {
                D p = S.CreateDouble(u[i]);
                S.StoreDouble(at, S.FusedMultiplyAdd(p, a0, S.LoadDouble(at)));
                S.StoreDouble(at + w, S.FusedMultiplyAdd(p, a1, S.LoadDouble(at + w)));
                S.StoreDouble(at + (2 * w), S.FusedMultiplyAdd(p, a2, S.LoadDouble(at + (2 * w))));
            }
        }

        /// <summary>Vectors as columns of a slab, zeros where there are none; or back.</summary>
        private readonly void Turn(double* slab, int from, bool back)
        {
            int n = X.Columns, count = Math.Min(Columns, X.Rows - from);
            if (!back && count < Columns) new Span<double>(slab, n * Columns).Clear();
            for (int c = 0; c < count; c++)
            {
                double* row = X[from + c], at = slab + c;
                if (back) for (int i = 0; i < n; i++, at += Columns) row[i] = *at;
                else for (int i = 0; i < n; i++, at += Columns) *at = row[i];
            }
        }
    }
}
