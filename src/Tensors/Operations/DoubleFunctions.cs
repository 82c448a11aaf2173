namespace MergeEngine.Tensors.Operations;

/// <summary>Elementary functions in float64 with the bits of <c>native/kernels/math.cuh</c> and <c>weights.cuh</c>: the same polynomials in the same order.</summary>
internal static class DoubleFunctions
{
    /// <summary>eˣ for x of at most 0, within 2 units in the last place; 0 below −708. NaN stays.</summary>
    public static double Exponential(double x)
    {
        if (x < -708.0) return 0;
        // Adding 1.5·2⁵² rounds to the nearest integer.
        double n = (x * 1.4426950408889634) + 6755399441055744.0 - 6755399441055744.0;
        double r = Math.FusedMultiplyAdd(n, -6.93147180369123816490e-01, x);
        r = Math.FusedMultiplyAdd(n, -1.90821492927058770002e-10, r);
        double p = 1.0 / 6227020800.0;
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 479001600.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 39916800.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 3628800.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 362880.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 40320.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 5040.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 720.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 120.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 24.0);
        p = Math.FusedMultiplyAdd(p, r, 1.0 / 6.0);
        p = Math.FusedMultiplyAdd(p, r, 0.5);
        p = Math.FusedMultiplyAdd(p * r, r, r);
        return (p + 1.0) * BitConverter.Int64BitsToDouble(((long)n + 1023) << 52);
    }

    /// <summary>tanh x, within 4 units in the last place: its series up to x¹⁵ below 1/8, the exponential elsewhere. NaN stays.</summary>
    public static double Tanh(double x)
    {
        double size = Math.Abs(x), square = x * x;
        if (size < 0.125)
        {
            double p = -929569.0 / 638512875.0;
            p = Math.FusedMultiplyAdd(p, square, 21844.0 / 6081075.0);
            p = Math.FusedMultiplyAdd(p, square, -1382.0 / 155925.0);
            p = Math.FusedMultiplyAdd(p, square, 62.0 / 2835.0);
            p = Math.FusedMultiplyAdd(p, square, -17.0 / 315.0);
            p = Math.FusedMultiplyAdd(p, square, 2.0 / 15.0);
            p = Math.FusedMultiplyAdd(p, square, -1.0 / 3.0);
            return Math.FusedMultiplyAdd(p * square, x, x);
        }

        double e = Exponential(-2 * size), far = (1 - e) / (1 + e);
        return x < 0 ? -far : far;
    }
}
