using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>target = sum.</summary>
internal readonly unsafe struct SetTile : ITileSink
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<S, V>(float* target, V sum)
        where S : struct, ISimd<V>
        where V : struct => S.Store(target, sum);
}

/// <summary>target += sum.</summary>
internal readonly unsafe struct AddTile : ITileSink
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<S, V>(float* target, V sum)
        where S : struct, ISimd<V>
        where V : struct => S.Store(target, S.Add(S.Load(target), sum));
}

/// <summary>target += |sum|.</summary>
internal readonly unsafe struct AddAbsoluteTile : ITileSink
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<S, V>(float* target, V sum)
        where S : struct, ISimd<V>
        where V : struct => S.Store(target, S.Add(S.Load(target), S.Abs(sum)));
}
