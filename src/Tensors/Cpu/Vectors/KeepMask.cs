using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>mask[i] ← 1 where |values[i]| is selected, else 0.</summary>
internal unsafe struct KeepMask : IRangeKernel
{
    public byte* Mask;
    public float* Values;
    public StrictThreshold Kept;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Kept.End(start, end);
            Compare<S, V, D>(Mask + start, Values + start, Kept.MagnitudeLimit(start), (int)(next - start));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compare<S, V, D>(byte* mask, float* values, float limit, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V limits = S.Create(limit);
        int i = 0;
        for (; i <= count - S.Count; i += S.Count) S.StoreMask(mask + i, S.LessThan(limits, S.Abs(S.Load(values + i))));
        for (; i < count; i++) mask[i] = limit < MathF.Abs(values[i]) ? (byte)1 : (byte)0;
    }
}
