using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>output[i] ← (Σ t² − (Σ t)²/K)/K with t = x_k[i] − x_0[i], in float64: one look at each value, and no cancellation of what the values have in common.</summary>
internal unsafe struct Variance : IRangeKernel
{
    public float* Output;
    public float** Inputs;
    public int Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float** inputs = Inputs;
        float* output = Output;
        int n = Count, width = S.Count;
        long end = start + count;
        for (long i = start; i < end; i += width)
        {
            int lanes = (int)Math.Min(width, end - i);
            V first = Load<S, V>(inputs[0] + i, lanes);
            D zero = S.CreateDouble(0), first0 = S.WidenLower(first), first1 = S.WidenUpper(first);
            D sum0 = zero, sum1 = zero, squares0 = zero, squares1 = zero;
            for (int k = 1; k < n; k++)
            {
                S.Prefetch(inputs[k] + i + Ranges.Ahead);
                V x = Load<S, V>(inputs[k] + i, lanes);
                D t0 = S.Subtract(S.WidenLower(x), first0), t1 = S.Subtract(S.WidenUpper(x), first1);
                sum0 = S.Add(sum0, t0);
                sum1 = S.Add(sum1, t1);
                squares0 = S.FusedMultiplyAdd(t0, t0, squares0);
                squares1 = S.FusedMultiplyAdd(t1, t1, squares1);
            }

            V variance = S.Narrow(Divide<S, V, D>(sum0, squares0, n), Divide<S, V, D>(sum1, squares1, n));
            if (lanes == width) S.Store(output + i, variance);
            else S.StorePartial(output + i, variance, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load<S, V>(float* source, int lanes)
        where S : struct, ISimd<V>
        where V : struct => lanes == S.Count ? S.Load(source) : S.LoadPartial(source, lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Divide<S, V, D>(D sum, D squares, double n)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D count = S.CreateDouble(n), zero = S.CreateDouble(0);
        D variance = S.Divide(S.Subtract(squares, S.Divide(S.Multiply(sum, sum), count)), count);
        return S.Select(S.LessThanOrEqual(variance, zero), zero, variance);
    }
}
