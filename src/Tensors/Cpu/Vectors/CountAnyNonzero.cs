using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Counts the elements where any vector is not zero. NaN is not zero. The bits of all values together are those of ±0 only if every one is.</summary>
internal unsafe struct CountAnyNonzero : IRangeKernel
{
    public float** Inputs;
    public int Count;
    public long Result;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float** inputs = Inputs;
        int zeros = 0, n = Count, i = 0, width = S.Count;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            V a0 = S.Zero, a1 = S.Zero, a2 = S.Zero, a3 = S.Zero;
            for (int k = 0; k < n; k++)
            {
                float* x = inputs[k] + start + i;
                a0 = S.Or(a0, S.Load(x));
                a1 = S.Or(a1, S.Load(x + width));
                a2 = S.Or(a2, S.Load(x + (2 * width)));
                a3 = S.Or(a3, S.Load(x + (3 * width)));
            }

            zeros += S.CountMask(S.Equal(a0, S.Zero)) + S.CountMask(S.Equal(a1, S.Zero));
            zeros += S.CountMask(S.Equal(a2, S.Zero)) + S.CountMask(S.Equal(a3, S.Zero));
        }

        for (; i < count; i += S.Count)
        {
            int lanes = Math.Min(S.Count, count - i);
            V any = S.Zero;
            for (int k = 0; k < n; k++)
            {
                float* x = inputs[k] + start + i;
                any = S.Or(any, lanes == S.Count ? S.Load(x) : S.LoadPartial(x, lanes));
            }

            zeros += S.CountMask(S.Equal(any, S.Zero)) - (S.Count - lanes);
        }

        Interlocked.Add(ref Result, count - zeros);
    }
}
