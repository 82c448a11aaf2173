using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Σ_i sign(Σ_k v̂_k[i]): positive sums less negative ones.</summary>
internal unsafe struct SignBalance : IRangeKernel
{
    public TrimmedVectors Trimmed;
    public long Result;

    public void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* limits = stackalloc float[Trimmed.Count];
        long end = start + count, balance = 0;
        for (long next; start < end; start = next)
        {
            next = Trimmed.End(start, end);
            Trimmed.Limits(start, limits);
            balance += Balance<S, V, D>(Trimmed.Vectors, limits, Trimmed.Count, start, (int)(next - start));
        }

        Interlocked.Add(ref Result, balance);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static long Balance<S, V, D>(float** vectors, float* limits, int n, long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        long balance = 0;
        int i = 0, width = S.Count;
        D zero = S.CreateDouble(0);
        for (; i <= count - (4 * width); i += 4 * width)
        {
            D s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero, s7 = zero;
            for (int k = 0; k < n; k++)
            {
                float* x = vectors[k] + start + i;
                S.Prefetch(x + Ranges.Ahead);
                S.Prefetch(x + Ranges.Ahead + width);
                S.Prefetch(x + Ranges.Ahead + (2 * width));
                S.Prefetch(x + Ranges.Ahead + (3 * width));
                TrimmedVectors.Add<S, V, D>(x, limits[k], width, ref s0, ref s1);
                TrimmedVectors.Add<S, V, D>(x + width, limits[k], width, ref s2, ref s3);
                TrimmedVectors.Add<S, V, D>(x + (2 * width), limits[k], width, ref s4, ref s5);
                TrimmedVectors.Add<S, V, D>(x + (3 * width), limits[k], width, ref s6, ref s7);
            }

            balance += Signs<S, V, D>(s0) + Signs<S, V, D>(s1) + Signs<S, V, D>(s2) + Signs<S, V, D>(s3);
            balance += Signs<S, V, D>(s4) + Signs<S, V, D>(s5) + Signs<S, V, D>(s6) + Signs<S, V, D>(s7);
        }

        for (; i < count; i += width)
        {
            D lower = zero, upper = zero;
            for (int k = 0; k < n; k++) TrimmedVectors.Add<S, V, D>(vectors[k] + start + i, limits[k], Math.Min(width, count - i), ref lower, ref upper);
            balance += Signs<S, V, D>(lower) + Signs<S, V, D>(upper);
        }

        return balance;
    }

    /// <summary>Positive lanes less negative ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Signs<S, V, D>(D sums)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct =>
        S.CountMask(S.LessThan(S.CreateDouble(0), sums)) - S.CountMask(S.LessThan(sums, S.CreateDouble(0)));
}
