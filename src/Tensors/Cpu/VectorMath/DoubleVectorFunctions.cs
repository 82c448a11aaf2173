using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>
/// Elementary functions in float64 over vectors of any width, within 2 units in the last place: the polynomials and the order of operations of <c>native/kernels/math.cuh</c>, as
/// <see cref="Operations.DoubleFunctions"/> has them for single numbers, so the same bits on every processor and GPU. The framework's own take what the processor has, fused or not.
/// </summary>
internal static class DoubleVectorFunctions
{
    /// <summary>eˣ for x ≤ 0; 0 below −708. NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D Exp<S, V, D>(D x)
        where S : struct, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D shift = S.CreateDouble(DoubleBits.ToLowBits);
        D n = S.Subtract(S.Add(S.Multiply(x, S.CreateDouble(1.4426950408889634)), shift), shift);
        // ln 2 in two parts; the first has few bits, so n times it is exact.
        D r = S.FusedMultiplyAdd(n, S.CreateDouble(-6.93147180369123816490e-01), x);
        r = S.FusedMultiplyAdd(n, S.CreateDouble(-1.90821492927058770002e-10), r);
        // 1 + r + r²/2! + …; |r| is below 0.347, so the first term left out is below 1e-17.
        D p = S.CreateDouble(1.0 / 6227020800.0);
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 479001600.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 39916800.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 3628800.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 362880.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 40320.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 5040.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 720.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 120.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 24.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(1.0 / 6.0));
        p = S.FusedMultiplyAdd(p, r, S.CreateDouble(0.5));
        p = S.FusedMultiplyAdd(S.Multiply(p, r), r, r);
        D result = S.Multiply(S.Add(p, S.CreateDouble(1)), S.PowerOfTwo(n));
        return S.Select(S.LessThan(x, S.CreateDouble(-708)), S.CreateDouble(0), result);
    }

    /// <summary>ln x of normal numbers, 0 and infinity: x = m·2ⁿ with √½ ≤ m &lt; √2, 2·artanh((m − 1)/(m + 1)) + n·ln 2. NaN below 0; NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D Log<S, V, D>(D x)
        where S : struct, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D one = S.CreateDouble(1), zero = S.CreateDouble(0), infinity = S.CreateDouble(double.PositiveInfinity);
        D m = S.Split(x, out D n);
        D s = S.Divide(S.Subtract(m, one), S.Add(m, one)), z = S.Multiply(s, s);
        // 1/3 + z/5 + z²/7 + …; z is below 0.0295, so the first term left out is below 1e-18.
        D p = S.CreateDouble(1.0 / 23.0);
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 21.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 19.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 17.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 15.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 13.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 11.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 9.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 7.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 5.0));
        p = S.FusedMultiplyAdd(p, z, S.CreateDouble(1.0 / 3.0));
        D twice = S.Add(s, s), rest = S.FusedMultiplyAdd(n, S.CreateDouble(1.90821492927058770002e-10), S.Multiply(twice, S.Multiply(z, p)));
        D result = S.FusedMultiplyAdd(n, S.CreateDouble(6.93147180369123816490e-01), S.Add(twice, rest));
        D special = S.Select(S.Equal(x, infinity), infinity, S.Select(S.Equal(x, zero), S.CreateDouble(double.NegativeInfinity), S.CreateDouble(double.NaN)));
        return S.Select(S.And(S.LessThan(zero, x), S.LessThan(x, infinity)), result, special);
    }

    /// <summary>tanh x, within 4 units in the last place: its series up to x¹⁵ below 1/8, the exponential elsewhere. NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static D Tanh<S, V, D>(D x)
        where S : struct, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D one = S.CreateDouble(1), zero = S.CreateDouble(0), size = S.Abs(x), square = S.Multiply(x, x);
        D p = S.CreateDouble(-929569.0 / 638512875.0);
        p = S.FusedMultiplyAdd(p, square, S.CreateDouble(21844.0 / 6081075.0));
        p = S.FusedMultiplyAdd(p, square, S.CreateDouble(-1382.0 / 155925.0));
        p = S.FusedMultiplyAdd(p, square, S.CreateDouble(62.0 / 2835.0));
        p = S.FusedMultiplyAdd(p, square, S.CreateDouble(-17.0 / 315.0));
        p = S.FusedMultiplyAdd(p, square, S.CreateDouble(2.0 / 15.0));
        p = S.FusedMultiplyAdd(p, square, S.CreateDouble(-1.0 / 3.0));
        D near = S.FusedMultiplyAdd(S.Multiply(p, square), x, x);
        D e = Exp<S, V, D>(S.Multiply(S.CreateDouble(-2), size)), far = S.Divide(S.Subtract(one, e), S.Add(one, e));
        return S.Select(S.LessThan(size, S.CreateDouble(0.125)), near, S.Select(S.LessThan(x, zero), S.Subtract(zero, far), far));
    }
}
