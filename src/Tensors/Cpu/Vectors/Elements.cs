using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>a.</summary>
internal readonly struct Elements : IReduction
{
    public static bool IsUnary => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D Term<S, V, D>(D a, D b)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => a;
}
