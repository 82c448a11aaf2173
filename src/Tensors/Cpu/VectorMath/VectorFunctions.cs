// Elementary functions over vectors of any width. Each takes the instruction set S and the vector type V:
//
//     V y = VectorFunctions.Exp<S, V>(x);                       // where S : struct, ISimd<V>
//
//     Exp, Tanh, Erf within 2 units in the last place, Sigmoid within 2.5 (it divides by a rounded sum); Log, of normal numbers alone
//
// Activations are empty structs, for kernels that are generic over the activation as well (see IActivation.cs):
//
//     V y  = TActivation.Value<S, V>(x);                        // GeluErf, GeluTanh, QuickGelu, HyperbolicTangent, Identity
//     V dy = TActivation.Derivative<S, V>(x);
//
// All are right at ±0, denormals, ±infinity and keep NaN. Lanes do not influence each other: padding lanes may hold anything.
using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>Elementary functions in float32 over vectors; polynomial coefficients are minimax fits in extended precision.</summary>
internal static class VectorFunctions
{
    /// <summary>eˣ: x = n·ln 2 + r, a polynomial of degree 6 in r, times 2ⁿ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        // Beyond these bounds the result is 0 or infinity.
        x = S.Min(S.Create(89f), S.Max(S.Create(-104.5f), x));
        V n = S.Round(S.Multiply(x, S.Create(1.44269504f)));
        // ln 2 in two parts; the first has few bits, so n times it is exact.
        V r = S.MultiplyAdd(n, S.Create(-0.693359375f), x);
        r = S.MultiplyAdd(n, S.Create(2.12194440e-4f), r);
        V p = S.Create(1.381441252e-03f);
        p = S.MultiplyAdd(p, r, S.Create(8.368785493e-03f));
        p = S.MultiplyAdd(p, r, S.Create(4.166839644e-02f));
        p = S.MultiplyAdd(p, r, S.Create(1.666651964e-01f));
        p = S.MultiplyAdd(p, r, S.Create(4.999999404e-01f));
        p = S.MultiplyAdd(p, S.Multiply(r, r), r);
        return S.Scale(S.Add(p, S.Create(1f)), n);
    }

    /// <summary>
    /// ln x of positive normal numbers and NaN: x = m·2ⁿ with √½ &lt; m ≤ √2, a polynomial of degree 9 in m - 1, plus n·ln 2. The error is
    /// within 1 unit in the last place of the result, or 6·10⁻⁸ where the result is smaller than 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        V n = S.Exponent(x);
        V m = S.Scale(x, S.Negate(n));
        V isLarge = S.LessThan(S.Create(1.41421356f), m);
        m = S.Subtract(S.Select(isLarge, S.Multiply(m, S.Create(0.5f)), m), S.Create(1f));
        n = S.Add(n, S.And(isLarge, S.Create(1f)));
        V square = S.Multiply(m, m);
        V p = S.Create(7.0376836292e-2f);
        p = S.MultiplyAdd(p, m, S.Create(-1.1514610310e-1f));
        p = S.MultiplyAdd(p, m, S.Create(1.1676998740e-1f));
        p = S.MultiplyAdd(p, m, S.Create(-1.2420140846e-1f));
        p = S.MultiplyAdd(p, m, S.Create(1.4249322787e-1f));
        p = S.MultiplyAdd(p, m, S.Create(-1.6668057665e-1f));
        p = S.MultiplyAdd(p, m, S.Create(2.0000714765e-1f));
        p = S.MultiplyAdd(p, m, S.Create(-2.4999993993e-1f));
        p = S.MultiplyAdd(p, m, S.Create(3.3333331174e-1f));
        V rest = S.MultiplyAdd(n, S.Create(-2.12194440e-4f), S.Multiply(S.Multiply(p, m), square));
        rest = S.MultiplyAdd(square, S.Create(-0.5f), rest);
        return S.MultiplyAdd(n, S.Create(0.693359375f), S.Add(m, rest));
    }

    /// <summary>1 / (1 + e⁻ˣ), with full relative accuracy for large negative x too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        V e = Exp<S, V>(S.Negate(S.Abs(x)));
        V numerator = S.Select(S.LessThan(x, S.Zero), e, S.Create(1f));
        return S.Divide(numerator, S.Add(S.Create(1f), e));
    }

    /// <summary>
    /// The sigmoid s with its derivative s·(1 - s) = e / (1 + e)², e = exp(-|x|), which keeps its relative accuracy where s is next to 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<S, V>(V x, out V derivative)
        where S : struct, ISimd<V>
        where V : struct
    {
        V e = Exp<S, V>(S.Negate(S.Abs(x)));
        V inverse = S.Divide(S.Create(1f), S.Add(S.Create(1f), e));
        V rest = S.Multiply(e, inverse);
        derivative = S.Multiply(rest, inverse);
        return S.Select(S.LessThan(x, S.Zero), rest, inverse);
    }

    /// <summary>tanh x: an odd polynomial near 0, 1 - 2 / (e²ˣ + 1) elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        V magnitude = S.Abs(x);
        V square = S.Multiply(x, x);
        V p = S.Create(-5.697469227e-03f);
        p = S.MultiplyAdd(p, square, S.Create(2.063263208e-02f));
        p = S.MultiplyAdd(p, square, S.Create(-5.373782665e-02f));
        p = S.MultiplyAdd(p, square, S.Create(1.333142072e-01f));
        p = S.MultiplyAdd(p, square, S.Create(-3.333328068e-01f));
        V near = S.MultiplyAdd(S.Multiply(p, square), x, x);
        V e = Exp<S, V>(S.Add(magnitude, magnitude));
        V far = S.Subtract(S.Create(1f), S.Divide(S.Create(2f), S.Add(e, S.Create(1f))));
        return S.Select(S.LessThan(magnitude, S.Create(0.625f)), near, S.CopySign(far, x));
    }

    /// <summary>erf x: an odd polynomial near 0, 1 - exp(-t - t·Q(t)) with t = |x| elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<S, V>(V x)
        where S : struct, ISimd<V>
        where V : struct
    {
        V square = S.Multiply(x, x);
        V p = S.Create(-5.954636727e-04f);
        p = S.MultiplyAdd(p, square, S.Create(4.986153916e-03f));
        p = S.MultiplyAdd(p, square, S.Create(-2.676190436e-02f));
        p = S.MultiplyAdd(p, square, S.Create(1.128168926e-01f));
        p = S.MultiplyAdd(p, square, S.Create(-3.761248291e-01f));
        p = S.MultiplyAdd(p, square, S.Create(1.283791512e-01f));
        V near = S.MultiplyAdd(p, x, x);

        V magnitude = S.Abs(x);
        V t = S.Min(S.Create(4f), magnitude);   // erf 4 is 1 in float32
        V q = S.Create(-2.140084107e-04f);
        q = S.MultiplyAdd(q, t, S.Create(3.215136239e-03f));
        q = S.MultiplyAdd(q, t, S.Create(-2.289050445e-02f));
        q = S.MultiplyAdd(q, t, S.Create(1.052626297e-01f));
        q = S.MultiplyAdd(q, t, S.Create(6.357177496e-01f));
        q = S.MultiplyAdd(q, t, S.Create(1.285145134e-01f));
        V far = S.Subtract(S.Create(1f), Exp<S, V>(S.Negate(S.MultiplyAdd(q, t, t))));
        return S.Select(S.LessThan(magnitude, S.Create(0.9277f)), near, S.CopySign(far, x));
    }
}
