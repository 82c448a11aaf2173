using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>a − b.</summary>
internal readonly struct Subtract : IElementwise
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<S, V, D>(V a, V b)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => S.Subtract(a, b);
}
