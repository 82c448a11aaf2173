using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>a·factor.</summary>
internal readonly struct Multiply(float factor) : IElementwise
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Apply<S, V, D>(V a, V b)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => S.Multiply(a, S.Create(factor));
}
