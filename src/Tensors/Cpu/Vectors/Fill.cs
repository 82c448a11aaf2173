using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>output[i] ← value.</summary>
internal unsafe struct Fill : IRangeKernel
{
    public float* Output;
    public float Value;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* output = Output + start;
        V value = S.Create(Value);
        int i = 0;
        for (; i <= count - S.Count; i += S.Count) S.Store(output + i, value);
        S.StorePartial(output + i, value, count - i);
    }
}
