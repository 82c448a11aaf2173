using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>a·b: the product of two float32 is exact in float64.</summary>
internal readonly struct Products : IReduction
{
    public static bool IsUnary => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D Term<S, V, D>(D a, D b)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => S.Multiply(a, b);
}
