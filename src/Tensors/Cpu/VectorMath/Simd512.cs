using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>512-bit vectors (AVX-512).</summary>
internal readonly unsafe partial struct Simd512 : ISimd<Vector512<float>>
{
    public static int Count => 16;

    public static Vector512<float> Zero => Vector512<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadLowBFloat16(float* pairs) => (Vector512.Load((uint*)pairs) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadHighBFloat16(float* pairs) => (Vector512.Load((uint*)pairs) & Vector512.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, Vector512<float> value) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* address) => Sse.Prefetch0(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadPartial(float* source, int count) =>
        Avx512F.MaskLoad(source, Mask(count), Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(float* target, Vector512<float> value, int count) => Avx512F.MaskStore(target, Mask(count), value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Mask(int count) =>
        Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Avx512F.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Negate(Vector512<float> a) => -a;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Abs(Vector512<float> a) => Vector512.Abs(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sqrt(Vector512<float> a) => Vector512.Sqrt(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Avx512F.Min(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Avx512F.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LessThan(Vector512<float> a, Vector512<float> b) => Vector512.LessThan(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LessThanOrEqual(Vector512<float> a, Vector512<float> b) => Vector512.LessThanOrEqual(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Equal(Vector512<float> a, Vector512<float> b) => Vector512.Equals(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> And(Vector512<float> a, Vector512<float> b) => a & b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Or(Vector512<float> a, Vector512<float> b) => a | b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Xor(Vector512<float> a, Vector512<float> b) => a ^ b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> whenTrue, Vector512<float> whenFalse) => Vector512.ConditionalSelect(mask, whenTrue, whenFalse);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CopySign(Vector512<float> magnitude, Vector512<float> sign) => Vector512.ConditionalSelect(Vector512.Create(-0f), sign, magnitude);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> a) => Vector512.Round(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scale(Vector512<float> x, Vector512<float> n) => Avx512F.Scale(x, n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exponent(Vector512<float> a) => Vector512.ConvertToSingle((a.AsInt32() >>> 23) - Vector512.Create(127));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> a) => Simd256.Sum(a.GetLower() + a.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SumDouble(Vector512<float> a)
    {
        (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(a);
        Vector512<double> sum = lower + upper;
        Vector256<double> half = sum.GetLower() + sum.GetUpper();
        Vector128<double> quarter = half.GetLower() + half.GetUpper();
        return quarter.GetElement(0) + quarter.GetElement(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(Vector512<float> a) => Simd256.MaxLane(Vector256.MaxNative(a.GetLower(), a.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, nint sourceStride, float* target, nint targetStride)
    {
        Vector512<float> r0 = Vector512.Load(source);
        Vector512<float> r1 = Vector512.Load(source + sourceStride);
        Vector512<float> r2 = Vector512.Load(source + 2 * sourceStride);
        Vector512<float> r3 = Vector512.Load(source + 3 * sourceStride);
        Vector512<float> r4 = Vector512.Load(source + 4 * sourceStride);
        Vector512<float> r5 = Vector512.Load(source + 5 * sourceStride);
        Vector512<float> r6 = Vector512.Load(source + 6 * sourceStride);
        Vector512<float> r7 = Vector512.Load(source + 7 * sourceStride);
        Vector512<float> r8 = Vector512.Load(source + 8 * sourceStride);
        Vector512<float> r9 = Vector512.Load(source + 9 * sourceStride);
        Vector512<float> r10 = Vector512.Load(source + 10 * sourceStride);
        Vector512<float> r11 = Vector512.Load(source + 11 * sourceStride);
        Vector512<float> r12 = Vector512.Load(source + 12 * sourceStride);
        Vector512<float> r13 = Vector512.Load(source + 13 * sourceStride);
        Vector512<float> r14 = Vector512.Load(source + 14 * sourceStride);
        Vector512<float> r15 = Vector512.Load(source + 15 * sourceStride);
        // Pairs of rows, then fours, then eights, then all sixteen.
        Vector512<float> p0 = Avx512F.UnpackLow(r0, r1), p1 = Avx512F.UnpackHigh(r0, r1);
        Vector512<float> p2 = Avx512F.UnpackLow(r2, r3), p3 = Avx512F.UnpackHigh(r2, r3);
        Vector512<float> p4 = Avx512F.UnpackLow(r4, r5), p5 = Avx512F.UnpackHigh(r4, r5);
        Vector512<float> p6 = Avx512F.UnpackLow(r6, r7), p7 = Avx512F.UnpackHigh(r6, r7);
        Vector512<float> p8 = Avx512F.UnpackLow(r8, r9), p9 = Avx512F.UnpackHigh(r8, r9);
        Vector512<float> p10 = Avx512F.UnpackLow(r10, r11), p11 = Avx512F.UnpackHigh(r10, r11);
        Vector512<float> p12 = Avx512F.UnpackLow(r12, r13), p13 = Avx512F.UnpackHigh(r12, r13);
        Vector512<float> p14 = Avx512F.UnpackLow(r14, r15), p15 = Avx512F.UnpackHigh(r14, r15);
        Vector512<float> q0 = Avx512F.Shuffle(p0, p2, 0x44), q1 = Avx512F.Shuffle(p0, p2, 0xEE);
        Vector512<float> q2 = Avx512F.Shuffle(p1, p3, 0x44), q3 = Avx512F.Shuffle(p1, p3, 0xEE);
        Vector512<float> q4 = Avx512F.Shuffle(p4, p6, 0x44), q5 = Avx512F.Shuffle(p4, p6, 0xEE);
        Vector512<float> q6 = Avx512F.Shuffle(p5, p7, 0x44), q7 = Avx512F.Shuffle(p5, p7, 0xEE);
        Vector512<float> q8 = Avx512F.Shuffle(p8, p10, 0x44), q9 = Avx512F.Shuffle(p8, p10, 0xEE);
        Vector512<float> q10 = Avx512F.Shuffle(p9, p11, 0x44), q11 = Avx512F.Shuffle(p9, p11, 0xEE);
        Vector512<float> q12 = Avx512F.Shuffle(p12, p14, 0x44), q13 = Avx512F.Shuffle(p12, p14, 0xEE);
        Vector512<float> q14 = Avx512F.Shuffle(p13, p15, 0x44), q15 = Avx512F.Shuffle(p13, p15, 0xEE);
        Vector512<float> e0 = Avx512F.Shuffle4x128(q0, q4, 0x88), e4 = Avx512F.Shuffle4x128(q0, q4, 0xDD);
        Vector512<float> f0 = Avx512F.Shuffle4x128(q8, q12, 0x88), f4 = Avx512F.Shuffle4x128(q8, q12, 0xDD);
        Vector512<float> e1 = Avx512F.Shuffle4x128(q1, q5, 0x88), e5 = Avx512F.Shuffle4x128(q1, q5, 0xDD);
        Vector512<float> f1 = Avx512F.Shuffle4x128(q9, q13, 0x88), f5 = Avx512F.Shuffle4x128(q9, q13, 0xDD);
        Vector512<float> e2 = Avx512F.Shuffle4x128(q2, q6, 0x88), e6 = Avx512F.Shuffle4x128(q2, q6, 0xDD);
        Vector512<float> f2 = Avx512F.Shuffle4x128(q10, q14, 0x88), f6 = Avx512F.Shuffle4x128(q10, q14, 0xDD);
        Vector512<float> e3 = Avx512F.Shuffle4x128(q3, q7, 0x88), e7 = Avx512F.Shuffle4x128(q3, q7, 0xDD);
        Vector512<float> f3 = Avx512F.Shuffle4x128(q11, q15, 0x88), f7 = Avx512F.Shuffle4x128(q11, q15, 0xDD);
        Avx512F.Shuffle4x128(e0, f0, 0x88).Store(target);
        Avx512F.Shuffle4x128(e1, f1, 0x88).Store(target + targetStride);
        Avx512F.Shuffle4x128(e2, f2, 0x88).Store(target + 2 * targetStride);
        Avx512F.Shuffle4x128(e3, f3, 0x88).Store(target + 3 * targetStride);
        Avx512F.Shuffle4x128(e4, f4, 0x88).Store(target + 4 * targetStride);
        Avx512F.Shuffle4x128(e5, f5, 0x88).Store(target + 5 * targetStride);
        Avx512F.Shuffle4x128(e6, f6, 0x88).Store(target + 6 * targetStride);
        Avx512F.Shuffle4x128(e7, f7, 0x88).Store(target + 7 * targetStride);
        Avx512F.Shuffle4x128(e0, f0, 0xDD).Store(target + 8 * targetStride);
        Avx512F.Shuffle4x128(e1, f1, 0xDD).Store(target + 9 * targetStride);
        Avx512F.Shuffle4x128(e2, f2, 0xDD).Store(target + 10 * targetStride);
        Avx512F.Shuffle4x128(e3, f3, 0xDD).Store(target + 11 * targetStride);
        Avx512F.Shuffle4x128(e4, f4, 0xDD).Store(target + 12 * targetStride);
        Avx512F.Shuffle4x128(e5, f5, 0xDD).Store(target + 13 * targetStride);
        Avx512F.Shuffle4x128(e6, f6, 0xDD).Store(target + 14 * targetStride);
        Avx512F.Shuffle4x128(e7, f7, 0xDD).Store(target + 15 * targetStride);
    }
}
