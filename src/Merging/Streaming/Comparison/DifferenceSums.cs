using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Merging.Streaming.Comparison;

/// <summary>
/// What is known of a stretch of two tensors; two neighbours join to one. Sums are float64 in eight lanes on every machine and in the order of
/// the elements, so that neither threads nor hardware change a bit.
/// </summary>
internal struct DifferenceSums
{
    public long Pairs;
    public long Differing;
    public double Max;
    public double Sum;
    public ulong Ulps;
    public double Dot;
    public double FirstSquares;
    public double SecondSquares;
    public long NaNInFirst;
    public long NaNInSecond;
    public long NaNInOne;

    /// <summary>Adds pairs of values; <see cref="Ulps"/> is left to the caller.</summary>
    public void Add(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        if (AreFinite(first) && AreFinite(second)) AddFinite(first, second);
        else AddAny(first, second);
    }

    /// <summary>Adds what comes after this.</summary>
    public void Join(in DifferenceSums next)
    {
        Pairs += next.Pairs;
        Differing += next.Differing;
        Max = Math.Max(Max, next.Max);
        Sum += next.Sum;
        Ulps = Math.Max(Ulps, next.Ulps);
        Dot += next.Dot;
        FirstSquares += next.FirstSquares;
        SecondSquares += next.SecondSquares;
        NaNInFirst += next.NaNInFirst;
        NaNInSecond += next.NaNInSecond;
        NaNInOne += next.NaNInOne;
    }

    /// <summary>The cosine, between −1 and 1; null where it is not defined or the squares leave float64.</summary>
    public readonly double? Cosine()
    {
        double cosine = Dot / (Math.Sqrt(FirstSquares) * Math.Sqrt(SecondSquares));
        return double.IsFinite(cosine) ? Math.Clamp(cosine, -1, 1) : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddFinite(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        ReadOnlySpan<Vector512<double>> a = MemoryMarshal.Cast<double, Vector512<double>>(first), b = MemoryMarshal.Cast<double, Vector512<double>>(second);
        Vector512<double> max = default, sum = default, dot = default, squaresA = default, squaresB = default;
        int equal = 0;
        for (int i = 0; i < a.Length; i++)
        {
            Vector512<double> x = a[i], y = b[i], difference = Vector512.Abs(x - y);
            equal += BitOperations.PopCount(Vector512.Equals(x, y).ExtractMostSignificantBits());
            max = Vector512.Max(max, difference);
            sum += difference;
            dot += x * y;
            squaresA += x * x;
            squaresB += y * y;
        }

        Pairs += first.Length;
        Differing += (a.Length * Vector512<double>.Count) - equal;
        for (int lane = 0; lane < Vector512<double>.Count; lane++)
        {
            Max = Math.Max(Max, max[lane]);
            Sum += sum[lane];
            Dot += dot[lane];
            FirstSquares += squaresA[lane];
            SecondSquares += squaresB[lane];
        }

        for (int i = a.Length * Vector512<double>.Count; i < first.Length; i++) AddPair(first[i], second[i]);
    }

    private void AddAny(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        for (int i = 0; i < first.Length; i++)
        {
            double x = first[i], y = second[i];
            bool xIsNaN = double.IsNaN(x), yIsNaN = double.IsNaN(y);
            if (xIsNaN) NaNInFirst++;
            if (yIsNaN) NaNInSecond++;
            if (xIsNaN != yIsNaN)
            {
                NaNInOne++;
                Differing++;
            }

            if (xIsNaN || yIsNaN) continue;
            Pairs++;
            if (double.IsFinite(x) && double.IsFinite(y))
            {
                AddPair(x, y);
            }
            else if (x != y)
            {
                // Equal infinities do not differ; ∞ − ∞ would say NaN.
                Differing++;
                Max = Sum = double.PositiveInfinity;
            }
        }
    }

    private void AddPair(double x, double y)
    {
        double difference = Math.Abs(x - y);
        if (x != y) Differing++;
        Max = Math.Max(Max, difference);
        Sum += difference;
        Dot += x * y;
        FirstSquares += x * x;
        SecondSquares += y * y;
    }

    /// <summary>x − x is 0 for finite values and NaN for all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool AreFinite(ReadOnlySpan<double> values)
    {
        ReadOnlySpan<Vector512<double>> vectors = MemoryMarshal.Cast<double, Vector512<double>>(values);
        Vector512<double> zero = default;
        foreach (Vector512<double> vector in vectors) zero += vector - vector;
        double rest = 0;
        foreach (double value in values[(vectors.Length * Vector512<double>.Count)..]) rest += value - value;
        return Vector512.Sum(zero) + rest == 0;
    }
}
