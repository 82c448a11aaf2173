// Elementary functions in float32, and the float64 logarithm that ends a loss. No libdevice: the same polynomials and the same order of
// operations as src/Tensors/Cpu/VectorMath/VectorFunctions.cs on hardware with fused multiply-add, so a GPU, the emulator and the CPU give
// the same bits. Largest errors in units in the last place of the result, measured by native/emulator/tests/math_functions.cpp over every
// float32 number:
//
//     exponential 1.02     logarithm 0.83     hyperbolic_tangent 1.33     error_function 1.12     sigmoid 2.40
//
// All are right at +-0, subnormal numbers and +-infinity, and keep NaN. A function costs 10 to 20 fused multiply-adds: below what one
// 16-byte access costs on every card, so kernels that apply them stay bound by memory.
#pragma once
#include "platform.cuh"

DEVICE float infinity() { return bits_float(0x7f800000u); }

DEVICE float magnitude(float x) { return bits_float(float_bits(x) & 0x7fffffffu); }

DEVICE double magnitude(double x) { return bits_double(double_bits(x) & 0x7fffffffffffffffull); }

// The magnitude of one with the sign of the other.
DEVICE float copy_sign(float of, float sign) { return bits_float((float_bits(of) & 0x7fffffffu) | (float_bits(sign) & 0x80000000u)); }

// The nearer of x and the bounds; NaN stays.
DEVICE float clamp(float x, float low, float high)
{
    x = low > x ? low : x;
    return high < x ? high : x;
}

// e^x: x = n ln 2 + r, a polynomial of degree 6 in r, times 2^n.
DEVICE float exponential(float x)
{
    x = clamp(x, -104.5f, 89.0f); // 0 and infinity beyond
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
    const float shifted = x * 1.44269504f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    // ln 2 in two parts; the first has few bits, so n times it is exact.
    float r = fused(n, -0.693359375f, x);
    r = fused(n, 2.12194440e-4f, r);
    float p = 1.381441252e-03f;
    p = fused(p, r, 8.368785493e-03f);
    p = fused(p, r, 4.166839644e-02f);
    p = fused(p, r, 1.666651964e-01f);
    p = fused(p, r, 4.999999404e-01f);
    p = fused(p, r * r, r);
    // 2^n as two powers that are normal numbers, so that overflow and gradual underflow round once.
    const int32_t whole = (int32_t)float_bits(shifted) - 0x4b400000;
    const int32_t half = whole >> 1;
    return (p + 1.0f) * bits_float((uint32_t)(half + 127) << 23) * bits_float((uint32_t)(whole - half + 127) << 23);
}

// e^x in float64 for x <= 0, within 2 units in the last place; 0 below -708. For weights of a softmax. NaN stays.
DEVICE double exponential(double x)
{
    if (x < -708.0) return 0.0;
    // Adding 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
    const double shifted = x * 1.4426950408889634 + 6755399441055744.0;
    const double n = shifted - 6755399441055744.0;
    double r = fused(n, -6.93147180369123816490e-01, x);
    r = fused(n, -1.90821492927058770002e-10, r);
    // 1 + r + r^2/2! + ...; |r| is below 0.347, so the first term left out is below 1e-17.
    double p = 1.0 / 6227020800.0;
    p = fused(p, r, 1.0 / 479001600.0);
    p = fused(p, r, 1.0 / 39916800.0);
    p = fused(p, r, 1.0 / 3628800.0);
    p = fused(p, r, 1.0 / 362880.0);
    p = fused(p, r, 1.0 / 40320.0);
    p = fused(p, r, 1.0 / 5040.0);
    p = fused(p, r, 1.0 / 720.0);
    p = fused(p, r, 1.0 / 120.0);
    p = fused(p, r, 1.0 / 24.0);
    p = fused(p, r, 1.0 / 6.0);
    p = fused(p, r, 0.5);
    p = fused(p * r, r, r);
    return (p + 1.0) * bits_double((uint64_t)((int64_t)n + 1023) << 52);
}

// 1 / (1 + e^-x), with full relative accuracy for large negative x too.
DEVICE float sigmoid(float x)
{
    const float e = exponential(-magnitude(x));
    return divide(x < 0.0f ? e : 1.0f, 1.0f + e);
}

// The sigmoid s with its derivative s (1 - s) = e / (1 + e)^2, e = exp(-|x|), which keeps its relative accuracy where s is next to 1.
DEVICE float sigmoid(float x, float& derivative)
{
    const float e = exponential(-magnitude(x));
    const float inverse = divide(1.0f, 1.0f + e);
    const float rest = e * inverse;
    derivative = rest * inverse;
    return x < 0.0f ? rest : inverse;
}

// tanh x: an odd polynomial near 0, 1 - 2 / (e^2x + 1) elsewhere.
DEVICE float hyperbolic_tangent(float x)
{
    const float size = magnitude(x);
    const float square = x * x;
    float p = -5.697469227e-03f;
    p = fused(p, square, 2.063263208e-02f);
    p = fused(p, square, -5.373782665e-02f);
    p = fused(p, square, 1.333142072e-01f);
    p = fused(p, square, -3.333328068e-01f);
    const float near = fused(p * square, x, x);
    const float far = 1.0f - divide(2.0f, exponential(size + size) + 1.0f);
    return size < 0.625f ? near : copy_sign(far, x);
}

// erf x: an odd polynomial near 0, 1 - exp(-t - t Q(t)) with t = |x| elsewhere.
DEVICE float error_function(float x)
{
    const float square = x * x;
    float p = -5.954636727e-04f;
    p = fused(p, square, 4.986153916e-03f);
    p = fused(p, square, -2.676190436e-02f);
    p = fused(p, square, 1.128168926e-01f);
    p = fused(p, square, -3.761248291e-01f);
    p = fused(p, square, 1.283791512e-01f);
    const float near = fused(p, x, x);

    const float size = magnitude(x);
    const float t = 4.0f < size ? 4.0f : size; // erf 4 is 1 in float32
    float q = -2.140084107e-04f;
    q = fused(q, t, 3.215136239e-03f);
    q = fused(q, t, -2.289050445e-02f);
    q = fused(q, t, 1.052626297e-01f);
    q = fused(q, t, 6.357177496e-01f);
    q = fused(q, t, 1.285145134e-01f);
    const float far = 1.0f - exponential(-fused(q, t, t));
    return size < 0.9277f ? near : copy_sign(far, x);
}

// ln x: x = m 2^e with m in [sqrt(1/2), sqrt(2)), a polynomial in m - 1 (the coefficients of Cephes' logf).
DEVICE float logarithm(float x)
{
    if (!(x > 0.0f)) return x == 0.0f ? bits_float(0xff800000u) : bits_float(0x7fc00000u);
    if (x == bits_float(0x7f800000u)) return x;
    int32_t exponent = 0;
    if (x < 1.17549435e-38f)
    {
        x *= 8388608.0f;
        exponent = -23;
    }

    // Bits above those of sqrt(1/2) give the exponent, the others a number in [sqrt(1/2), sqrt(2)).
    const uint32_t above = float_bits(x) - 0x3f3504f3u;
    exponent += (int32_t)above >> 23;
    const float f = bits_float((above & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    const float e = (float)exponent, square = f * f;
    float p = 7.0376836292e-2f;
    p = fused(p, f, -1.1514610310e-1f);
    p = fused(p, f, 1.1676998740e-1f);
    p = fused(p, f, -1.2420140846e-1f);
    p = fused(p, f, 1.4249322787e-1f);
    p = fused(p, f, -1.6668057665e-1f);
    p = fused(p, f, 2.0000714765e-1f);
    p = fused(p, f, -2.4999993993e-1f);
    p = fused(p, f, 3.3333331174e-1f);
    float rest = p * f * square;
    rest = fused(e, -2.12194440e-4f, rest);
    rest = fused(-0.5f, square, rest);
    return fused(e, 0.693359375f, f + rest);
}

// ln x in float64: 2 artanh((m - 1) / (m + 1)) + e ln 2 with m in [sqrt(1/2), sqrt(2)), within 2 units in the last place. For the one
// logarithm of a row; not for every element, since most cards have few float64 units.
DEVICE double logarithm(double x)
{
    if (!(x > 0.0)) return x == 0.0 ? bits_double(0xfff0000000000000ull) : bits_double(0x7ff8000000000000ull);
    if (x == bits_double(0x7ff0000000000000ull)) return x;
    int32_t exponent = 0;
    if (x < 2.2250738585072014e-308)
    {
        x *= 18014398509481984.0;
        exponent = -54;
    }

    const uint64_t above = double_bits(x) - 0x3fe6a09e667f3bcdull;
    exponent += (int32_t)((int64_t)above >> 52);
    const double m = bits_double((above & 0x000fffffffffffffull) + 0x3fe6a09e667f3bcdull);
    const double s = divide(m - 1.0, m + 1.0), z = s * s;
    // 1/3 + z/5 + z^2/7 + ...; z is below 0.0295, so the first term left out is below 1e-18.
    double p = 1.0 / 23.0;
    p = fused(p, z, 1.0 / 21.0);
    p = fused(p, z, 1.0 / 19.0);
    p = fused(p, z, 1.0 / 17.0);
    p = fused(p, z, 1.0 / 15.0);
    p = fused(p, z, 1.0 / 13.0);
    p = fused(p, z, 1.0 / 11.0);
    p = fused(p, z, 1.0 / 9.0);
    p = fused(p, z, 1.0 / 7.0);
    p = fused(p, z, 1.0 / 5.0);
    p = fused(p, z, 1.0 / 3.0);
    const double twice = s + s;
    const double rest = fused((double)exponent, 1.90821492927058770002e-10, twice * (z * p));
    return fused((double)exponent, 6.93147180369123816490e-01, twice + rest);
}

// ln(1 + x) in float64 for x >= 0; a series where 1 + x would lose the digits of x.
DEVICE double logarithm_of_one_plus(double x)
{
    return x < 1e-5 ? x * (1.0 - x * (0.5 - x * (1.0 / 3.0))) : logarithm(1.0 + x);
}
