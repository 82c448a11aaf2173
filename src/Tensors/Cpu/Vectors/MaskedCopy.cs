using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>output[i] ← mask[i] ≠ 0 ? input[i] : +0. The output may be the input.</summary>
internal unsafe struct MaskedCopy : IRangeKernel
{
    public float* Output;
    public float* Input;
    public byte* Mask;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* output = Output + start, input = Input + start;
        byte* mask = Mask + start;
        int i = 0;
        for (; i <= count - S.Count; i += S.Count) S.Store(output + i, S.And(S.LoadMask(mask + i), S.Load(input + i)));
        for (; i < count; i++) output[i] = mask[i] != 0 ? input[i] : 0;
    }
}
