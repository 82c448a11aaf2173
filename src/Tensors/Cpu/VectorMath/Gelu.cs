using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>GELU, x·Φ(x) with the normal distribution's Φ(x) = (1 + erf(x/√2)) / 2 (Hendrycks and Gimpel, arXiv 1606.08415).</summary>
internal readonly struct GeluErf : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Value<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct => S.Multiply(Gelu.KeepFinite<S, V>(x), Phi<S, V>(x));

    /// <summary>Φ(x) + x·φ(x) with the density φ(x) = exp(-x²/2) / √(2π).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Derivative<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        V near = Gelu.Clamp<S, V>(x, 20f);   // the density is 0 beyond
        V density = VectorFunctions.Exp<S, V>(S.Multiply(S.Multiply(near, near), S.Create(-0.5f)));
        return S.MultiplyAdd(S.Multiply(near, S.Create(0.398942280f)), density, Phi<S, V>(x));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Phi<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct =>
        S.MultiplyAdd(VectorFunctions.Erf<S, V>(S.Multiply(x, S.Create(0.707106781f))), S.Create(0.5f), S.Create(0.5f));
}

/// <summary>GELU's tanh form, x·(1 + tanh u) / 2 with u = √(2/π)·(x + 0.044715·x³) (arXiv 1606.08415, section 2).</summary>
internal readonly struct GeluTanh : IActivation
{
    private const float Root = 0.797884561f;
    private const float Cubic = 0.044715f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Value<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct => S.Multiply(Gelu.KeepFinite<S, V>(x), VectorFunctions.Sigmoid<S, V>(Twice<S, V>(Gelu.Clamp<S, V>(x, 20f))));

    /// <summary>With s = (1 + tanh u) / 2: s + 2·x·s·(1 - s)·u'.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Derivative<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        x = Gelu.Clamp<S, V>(x, 20f);   // 0 or 1 beyond
        V s = VectorFunctions.Sigmoid<S, V>(Twice<S, V>(x), out V tail);
        V slope = S.MultiplyAdd(S.Multiply(x, x), S.Create(2f * Root * 3f * Cubic), S.Create(2f * Root));
        return S.MultiplyAdd(S.Multiply(x, slope), tail, s);
    }

    /// <summary>2u; (1 + tanh u) / 2 is its sigmoid.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Twice<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct =>
        S.Multiply(S.MultiplyAdd(S.Multiply(x, x), S.Create(2f * Root * Cubic), S.Create(2f * Root)), x);
}

/// <summary>Quick GELU, x·sigmoid(1.702·x), as OpenAI's CLIP uses it.</summary>
internal readonly struct QuickGelu : IActivation
{
    private const float Slope = 1.702f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Value<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct =>
        S.Multiply(Gelu.KeepFinite<S, V>(x), VectorFunctions.Sigmoid<S, V>(S.Multiply(x, S.Create(Slope))));

    /// <summary>With s = sigmoid(1.702·x): s + 1.702·x·s·(1 - s).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Derivative<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        x = Gelu.Clamp<S, V>(x, 100f);   // 0 or 1 beyond
        V s = VectorFunctions.Sigmoid<S, V>(S.Multiply(x, S.Create(Slope)), out V tail);
        return S.MultiplyAdd(S.Multiply(x, S.Create(Slope)), tail, s);
    }
}

/// <summary>What the GELU forms share.</summary>
internal static class Gelu
{
    /// <summary>Minus infinity becomes the lowest finite number, so that times a factor of 0 it gives the limit 0 and not NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V KeepFinite<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct => S.Max(S.Create(float.MinValue), x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Clamp<S, V>(V x, float bound)
        where S : struct, ISimd<V>
        where V : struct => S.Min(S.Create(bound), S.Max(S.Create(-bound), x));
}
