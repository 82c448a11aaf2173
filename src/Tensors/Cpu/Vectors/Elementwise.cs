using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>A function of two elements.</summary>
internal interface IElementwise
{
    V Apply<S, V, D>(V a, V b)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;
}

/// <summary>output[i] ← op(a[i], b[i]). The output may be an input: each element is read before it is written.</summary>
internal unsafe struct Elementwise<TOperator> : IRangeKernel
    where TOperator : struct, IElementwise
{
    public float* Output;
    public float* A;
    public float* B;
    public TOperator Operator;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* output = Output + start, a = A + start, b = B + start;
        TOperator op = Operator;
        int i = 0, width = S.Count;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            V r0 = op.Apply<S, V, D>(S.Load(a + i), S.Load(b + i));
            V r1 = op.Apply<S, V, D>(S.Load(a + i + width), S.Load(b + i + width));
            V r2 = op.Apply<S, V, D>(S.Load(a + i + (2 * width)), S.Load(b + i + (2 * width)));
            V r3 = op.Apply<S, V, D>(S.Load(a + i + (3 * width)), S.Load(b + i + (3 * width)));
            S.Store(output + i, r0);
            S.Store(output + i + width, r1);
            S.Store(output + i + (2 * width), r2);
            S.Store(output + i + (3 * width), r3);
        }

        for (; i < count; i += width)
        {
            int lanes = Math.Min(width, count - i);
            S.StorePartial(output + i, op.Apply<S, V, D>(S.LoadPartial(a + i, lanes), S.LoadPartial(b + i, lanes)), lanes);
        }
    }
}
