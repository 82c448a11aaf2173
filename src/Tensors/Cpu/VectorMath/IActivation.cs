using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>An activation function and its derivative, element by element.</summary>
internal interface IActivation
{
    static abstract V Value<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct;

    /// <summary>The derivative at <paramref name="x"/>, the input of <see cref="Value"/> (not its output).</summary>
    static abstract V Derivative<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct;
}

/// <summary>No activation.</summary>
internal readonly struct Identity : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Value<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct => x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Derivative<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct => S.Create(1f);
}

/// <summary>tanh x; derivative 1 - tanh² x.</summary>
internal readonly struct HyperbolicTangent : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Value<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct => VectorFunctions.Tanh<S, V>(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Derivative<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        V t = VectorFunctions.Tanh<S, V>(x);
        return S.MultiplyAdd(S.Negate(t), t, S.Create(1f));
    }
}
