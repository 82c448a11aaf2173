using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>Float64 vectors of the small inner problems. Eight lanes on every processor, in software where it has fewer, so that bits do not depend on it.</summary>
internal static unsafe class DoubleVectors
{
    private const int Width = 8;

    /// <summary>Σ a[i]·b[i] in 32 chains.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Dot(double* a, double* b, int count)
    {
        Vector512<double> s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i <= count - (4 * Width); i += 4 * Width)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i + Width), Vector512.Load(b + i + Width), s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i + (2 * Width)), Vector512.Load(b + i + (2 * Width)), s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i + (3 * Width)), Vector512.Load(b + i + (3 * Width)), s3);
        }

        for (; i <= count - Width; i += Width) s0 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), s0);
        double sum = Sum(s0 + s1 + (s2 + s3));
        for (; i < count; i++) sum = Math.FusedMultiplyAdd(a[i], b[i], sum);
        return sum;
    }

    /// <summary>y ← y + factor·x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(double* y, double* x, double factor, int count)
    {
        Vector512<double> f = Vector512.Create(factor);
        int i = 0;
        for (; i <= count - Width; i += Width) Vector512.FusedMultiplyAdd(Vector512.Load(x + i), f, Vector512.Load(y + i)).Store(y + i);
        for (; i < count; i++) y[i] = Math.FusedMultiplyAdd(x[i], factor, y[i]);
    }

    /// <summary>y ← factor·y.</summary>
    public static void Scale(double* y, double factor, int count)
    {
        Vector512<double> f = Vector512.Create(factor);
        int i = 0;
        for (; i <= count - Width; i += Width) (Vector512.Load(y + i) * f).Store(y + i);
        for (; i < count; i++) y[i] *= factor;
    }

    /// <summary>x ← c·x − s·y and y ← s·x + c·y.</summary>
    public static void Rotate(double* x, double* y, double c, double s, int count)
    {
        Vector512<double> cosine = Vector512.Create(c), sine = Vector512.Create(s);
        int i = 0;
        for (; i <= count - Width; i += Width)
        {
            Vector512<double> a = Vector512.Load(x + i), b = Vector512.Load(y + i);
            ((cosine * a) - (sine * b)).Store(x + i);
            ((sine * a) + (cosine * b)).Store(y + i);
        }

        for (; i < count; i++) (x[i], y[i]) = ((c * x[i]) - (s * y[i]), (s * x[i]) + (c * y[i]));
    }

    /// <summary>The lanes, halves added to halves: other bits than those of <see cref="SumInPairs"/>.</summary>
    public static double Sum(Vector512<double> v)
    {
        Vector256<double> four = v.GetLower() + v.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }

    /// <summary>The sums of eight vectors' lanes, neighbours first, then pairs, then fours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Sums(
        Vector512<double> a, Vector512<double> b, Vector512<double> c, Vector512<double> d, Vector512<double> e, Vector512<double> f, Vector512<double> g, Vector512<double> h)
    {
        if (!Avx512F.IsSupported) return Vector512.Create(SumInPairs(a), SumInPairs(b), SumInPairs(c), SumInPairs(d), SumInPairs(e), SumInPairs(f), SumInPairs(g), SumInPairs(h));
        Vector512<double> ab = Avx512F.UnpackLow(a, b) + Avx512F.UnpackHigh(a, b), cd = Avx512F.UnpackLow(c, d) + Avx512F.UnpackHigh(c, d);
        Vector512<double> ef = Avx512F.UnpackLow(e, f) + Avx512F.UnpackHigh(e, f), gh = Avx512F.UnpackLow(g, h) + Avx512F.UnpackHigh(g, h);
        return Halves(Halves(ab, cd), Halves(ef, gh));
    }

    /// <summary>The lanes as <see cref="Sums"/> adds those of each of its vectors.</summary>
    public static double SumInPairs(Vector512<double> v) => v[0] + v[1] + (v[2] + v[3]) + (v[4] + v[5] + (v[6] + v[7]));

    /// <summary>Of two vectors of four pairs, each pair plus its neighbour.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Halves(Vector512<double> x, Vector512<double> y)
    {
        const byte even = 0b10_00_10_00, odd = 0b11_01_11_01;
        return Avx512F.Shuffle4x128(x, y, even) + Avx512F.Shuffle4x128(x, y, odd);
    }
}
