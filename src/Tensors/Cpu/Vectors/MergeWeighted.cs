using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>output[i] ← origin[i] + Σ_k c_k·(x_k[i] − origin[i]) / Σ_k c_k, c_k = factor_k·max(weight_k[i], floor): one look at each value.</summary>
internal unsafe struct MergeWeighted : IRangeKernel
{
    public float* Output;
    public float* Origin;
    public float** Inputs;
    public float** Weights;
    public double* Factors;
    public int Count;
    public double Floor;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0), floor = S.CreateDouble(Floor);
        long end = start + count;
        for (long i = start; i < end; i += S.Count)
        {
            int lanes = (int)Math.Min(S.Count, end - i);
            V origin = Load<S, V>(Origin + i, lanes);
            D origin0 = S.WidenLower(origin), origin1 = S.WidenUpper(origin), sum0 = zero, sum1 = zero, total0 = zero, total1 = zero;
            for (int k = 0; k < Count; k++)
            {
                V x = Load<S, V>(Inputs[k] + i, lanes), w = Load<S, V>(Weights[k] + i, lanes);
                D factor = S.CreateDouble(Factors[k]), weight0 = S.WidenLower(w), weight1 = S.WidenUpper(w);
                D c0 = S.Multiply(factor, S.Select(S.LessThan(weight0, floor), floor, weight0)), c1 = S.Multiply(factor, S.Select(S.LessThan(weight1, floor), floor, weight1));
                sum0 = S.FusedMultiplyAdd(c0, S.Subtract(S.WidenLower(x), origin0), sum0);
                sum1 = S.FusedMultiplyAdd(c1, S.Subtract(S.WidenUpper(x), origin1), sum1);
                total0 = S.Add(total0, c0);
                total1 = S.Add(total1, c1);
            }

            V moved = S.Narrow(S.Add(origin0, S.Divide(sum0, total0)), S.Add(origin1, S.Divide(sum1, total1)));
            V stays = S.NarrowMask(S.Or(S.Equal(sum0, zero), S.Equal(total0, zero)), S.Or(S.Equal(sum1, zero), S.Equal(total1, zero)));
            V result = S.Select(stays, origin, moved);
            if (lanes == S.Count) S.Store(Output + i, result);
            else S.StorePartial(Output + i, result, lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load<S, V>(float* source, int lanes)
        where S : struct, ISimd<V>
        where V : struct => lanes == S.Count ? S.Load(source) : S.LoadPartial(source, lanes);
}
