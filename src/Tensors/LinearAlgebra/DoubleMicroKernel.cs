using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// The innermost loop of float64 products: a tile of sums in registers from a packed panel of A (<see cref="Rows"/> numbers a step) and one of B (three vectors a step).
/// One chain of fused multiply-adds an element, in the order of k, so the bits are the same at every vector width.
/// </summary>
internal static unsafe class DoubleMicroKernel<S, V, D>
    where S : struct, ISimd<V>, ISimdDouble<V, D>
    where V : struct
    where D : struct
{
    /// <summary>8 × 3 sums fill 24 of AVX-512's 32 registers, 4 × 3 fill 12 of 16.</summary>
    public static int Rows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => S.Count == 16 ? 8 : 4;
    }

    public static int Columns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3 * S.Count / 2;
    }

    /// <summary>C [Rows][Columns] ← α·Σ over k steps, or C + α·Σ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(int k, double* a, double* b, double* c, int stride, double alpha, bool add)
    {
        if (S.Count == 16) Rows8(k, a, b, c, stride, alpha, add);
        else Rows4(k, a, b, c, stride, alpha, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8(int k, double* a, double* b, double* c, int stride, double alpha, bool add)
    {
        int w = S.Count / 2;
        D z = S.CreateDouble(0);
        D p0 = z, q0 = z, r0 = z, p1 = z, q1 = z, r1 = z, p2 = z, q2 = z, r2 = z, p3 = z, q3 = z, r3 = z;
        D p4 = z, q4 = z, r4 = z, p5 = z, q5 = z, r5 = z, p6 = z, q6 = z, r6 = z, p7 = z, q7 = z, r7 = z;
        for (; k > 0; k--)
        {
            D x = S.LoadDouble(b), y = S.LoadDouble(b + w), t = S.LoadDouble(b + (2 * w));
            Step(S.CreateDouble(a[0]), x, y, t, ref p0, ref q0, ref r0);
            Step(S.CreateDouble(a[1]), x, y, t, ref p1, ref q1, ref r1);
            Step(S.CreateDouble(a[2]), x, y, t, ref p2, ref q2, ref r2);
            Step(S.CreateDouble(a[3]), x, y, t, ref p3, ref q3, ref r3);
            Step(S.CreateDouble(a[4]), x, y, t, ref p4, ref q4, ref r4);
            Step(S.CreateDouble(a[5]), x, y, t, ref p5, ref q5, ref r5);
            Step(S.CreateDouble(a[6]), x, y, t, ref p6, ref q6, ref r6);
            Step(S.CreateDouble(a[7]), x, y, t, ref p7, ref q7, ref r7);
            a += 8;
            b += 3 * w;
        }

        D f = S.CreateDouble(alpha);
        Put(c, w, p0, q0, r0, f, add);
        Put(c + stride, w, p1, q1, r1, f, add);
        Put(c + ((long)stride * 2), w, p2, q2, r2, f, add);
        Put(c + ((long)stride * 3), w, p3, q3, r3, f, add);
        Put(c + ((long)stride * 4), w, p4, q4, r4, f, add);
        Put(c + ((long)stride * 5), w, p5, q5, r5, f, add);
        Put(c + ((long)stride * 6), w, p6, q6, r6, f, add);
        Put(c + ((long)stride * 7), w, p7, q7, r7, f, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(int k, double* a, double* b, double* c, int stride, double alpha, bool add)
    {
        int w = S.Count / 2;
        D z = S.CreateDouble(0);
        D p0 = z, q0 = z, r0 = z, p1 = z, q1 = z, r1 = z, p2 = z, q2 = z, r2 = z, p3 = z, q3 = z, r3 = z;
        for (; k > 0; k--)
        {
            D x = S.LoadDouble(b), y = S.LoadDouble(b + w), t = S.LoadDouble(b + (2 * w));
            Step(S.CreateDouble(a[0]), x, y, t, ref p0, ref q0, ref r0);
            Step(S.CreateDouble(a[1]), x, y, t, ref p1, ref q1, ref r1);
            Step(S.CreateDouble(a[2]), x, y, t, ref p2, ref q2, ref r2);
            Step(S.CreateDouble(a[3]), x, y, t, ref p3, ref q3, ref r3);
            a += 4;
            b += 3 * w;
        }

        D f = S.CreateDouble(alpha);
        Put(c, w, p0, q0, r0, f, add);
        Put(c + stride, w, p1, q1, r1, f, add);
        Put(c + ((long)stride * 2), w, p2, q2, r2, f, add);
        Put(c + ((long)stride * 3), w, p3, q3, r3, f, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(D a, D x, D y, D t, ref D p, ref D q, ref D r)
    {
        p = S.FusedMultiplyAdd(a, x, p);
        q = S.FusedMultiplyAdd(a, y, q);
        r = S.FusedMultiplyAdd(a, t, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(double* c, int w, D p, D q, D r, D alpha, bool add)
    {
        if (add)
        {
            S.StoreDouble(c, S.FusedMultiplyAdd(p, alpha, S.LoadDouble(c)));
            S.StoreDouble(c + w, S.FusedMultiplyAdd(q, alpha, S.LoadDouble(c + w)));
            S.StoreDouble(c + (2 * w), S.FusedMultiplyAdd(r, alpha, S.LoadDouble(c + (2 * w))));
        }
        else
        {
            S.StoreDouble(c, S.Multiply(p, alpha));
            S.StoreDouble(c + w, S.Multiply(q, alpha));
            S.StoreDouble(c + (2 * w), S.Multiply(r, alpha));
        }
    }
}
