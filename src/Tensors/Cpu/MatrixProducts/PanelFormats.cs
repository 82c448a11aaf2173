using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>How a packed panel of op(B) holds a row of <see cref="MicroKernel{S, V}.Columns"/> values, and how the micro-kernel reads it.</summary>
internal unsafe interface IPanelFormat
{
    /// <summary>Floats (units of 4 bytes) from a row to the next.</summary>
    static abstract int RowFloats<S, V>()
        where S : struct, ISimd<V>
        where V : struct;

    /// <summary>Asks for a row.</summary>
    static abstract void Prefetch<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct;

    /// <summary>Columns 0 … Count-1 of a row.</summary>
    static abstract V Low<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct;

    /// <summary>Columns Count … 2·Count-1 of a row.</summary>
    static abstract V High<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct;
}

/// <summary>How far ahead of the micro-kernel rows of a panel are asked for.</summary>
internal static class PanelRows
{
    /// <summary>A weight comes from memory in products of few rows: so many steps of the kernel hide a fetch, which takes some 100 ns.</summary>
    public const int Ahead = 48;
}

/// <summary>float32 values side by side.</summary>
internal readonly unsafe struct FloatPanel : IPanelFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RowFloats<S, V>()
        where S : struct, ISimd<V>
        where V : struct => 2 * S.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct
    {
        S.Prefetch(row);
        if (S.Count == 16) S.Prefetch(row + S.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Low<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct => S.Load(row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V High<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct => S.Load(row + S.Count);
}

/// <summary>
/// BF16 values, column j in the lower and column Count + j in the upper half of the j-th 32 bits: a shift and a mask widen them, no lane is moved.
/// </summary>
internal readonly unsafe struct BFloat16Panel : IPanelFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RowFloats<S, V>()
        where S : struct, ISimd<V>
        where V : struct => S.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct => S.Prefetch(row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Low<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct => S.LoadLowBFloat16(row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V High<S, V>(float* row)
        where S : struct, ISimd<V>
        where V : struct => S.LoadHighBFloat16(row);
}
