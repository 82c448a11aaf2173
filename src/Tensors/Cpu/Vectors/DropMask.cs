using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>mask[i] ← 0 where the key is selected, else 1.</summary>
internal unsafe struct DropMask : IRangeKernel
{
    public byte* Mask;
    public double* Keys;
    public StrictThreshold Dropped;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Dropped.End(start, end);
            Compare<S, V, D>(Mask + start, Keys + start, Dropped.KeyLimit(start), (int)(next - start));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compare<S, V, D>(byte* mask, double* keys, double limit, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D limits = S.CreateDouble(limit);
        V all = S.Equal(S.Zero, S.Zero);
        int i = 0;
        for (; i <= count - S.Count; i += S.Count)
        {
            D lower = S.LessThan(limits, S.LoadDouble(keys + i)), upper = S.LessThan(limits, S.LoadDouble(keys + i + (S.Count / 2)));
            S.StoreMask(mask + i, S.Xor(all, S.NarrowMask(lower, upper)));
        }

        for (; i < count; i++) mask[i] = limit < keys[i] ? (byte)0 : (byte)1;
    }
}
