using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Σ_i sign(Σ_k v̂_k[i]): positive sums less negative ones.</summary>
internal unsafe struct SignBalance : IVectorKernel
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
        D zero = S.CreateDouble(0);
        long balance = 0;
        for (int i = 0; i < count; i += S.Count)
        {
            int lanes = Math.Min(S.Count, count - i);
            D lower = zero, upper = zero;
            for (int k = 0; k < n; k++)
            {
                V v = TrimmedVectors.Load<S, V>(vectors[k] + start + i, limits[k], lanes);
                lower = S.Add(lower, S.WidenLower(v));
                upper = S.Add(upper, S.WidenUpper(v));
            }

            balance += S.CountMask(S.LessThan(zero, lower)) + S.CountMask(S.LessThan(zero, upper));
            balance -= S.CountMask(S.LessThan(lower, zero)) + S.CountMask(S.LessThan(upper, zero));
        }

        return balance;
    }
}
