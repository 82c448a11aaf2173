using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Counts the elements where any vector is not zero. NaN is not zero.</summary>
internal unsafe struct CountAnyNonzero : IVectorKernel
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
        int zeros = 0, n = Count;
        for (int i = 0; i < count; i += S.Count)
        {
            int lanes = Math.Min(S.Count, count - i);
            V any = S.Zero;
            // The bits of all magnitudes together are those of 0 only if every one is ±0.
            for (int k = 0; k < n; k++)
            {
                float* x = inputs[k] + start + i;
                any = S.Or(any, S.Abs(lanes == S.Count ? S.Load(x) : S.LoadPartial(x, lanes)));
            }

            zeros += S.CountMask(S.Equal(any, S.Zero)) - (S.Count - lanes);
        }

        Interlocked.Add(ref Result, count - zeros);
    }
}
