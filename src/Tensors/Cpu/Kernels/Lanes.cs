using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>Vectors at the ragged end of a row, and short cuts that kernels share.</summary>
internal static unsafe class Lanes
{
    private static ReadOnlySpan<float> Numbers => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    /// <summary>All ones in the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V First<S, V>(int count)
        where S : struct, ISimd<V>
        where V : struct =>
        S.LessThan(S.Load((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Numbers))), S.Create(count));

    /// <summary>A whole vector, or the first <paramref name="count"/> elements with zeros behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<S, V>(float* source, int count)
        where S : struct, ISimd<V>
        where V : struct => count >= S.Count ? S.Load(source) : S.LoadPartial(source, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<S, V>(float* target, V value, int count)
        where S : struct, ISimd<V>
        where V : struct
    {
        if (count >= S.Count) S.Store(target, value);
        else S.StorePartial(target, value, count);
    }

    /// <summary>target ← source, <paramref name="length"/> elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy<S, V>(float* target, float* source, int length)
        where S : struct, ISimd<V>
        where V : struct
    {
        int c = 0;
        for (; c <= length - S.Count; c += S.Count) S.Store(target + c, S.Load(source + c));
        if (c < length) S.StorePartial(target + c, S.LoadPartial(source + c, length - c), length - c);
    }

    /// <summary>target ← 0, <paramref name="length"/> elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Clear<S, V>(float* target, int length)
        where S : struct, ISimd<V>
        where V : struct
    {
        int c = 0;
        for (; c <= length - S.Count; c += S.Count) S.Store(target + c, S.Zero);
        if (c < length) S.StorePartial(target + c, S.Zero, length - c);
    }
}
