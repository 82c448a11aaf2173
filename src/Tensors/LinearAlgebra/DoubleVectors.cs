using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The lanes, halves added to halves.</summary>
    public static double Sum(Vector512<double> v)
    {
        Vector256<double> four = v.GetLower() + v.GetUpper();
        Vector128<double> two = four.GetLower() + four.GetUpper();
        return two[0] + two[1];
    }
}
