using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Scores of one vector among others, or the merge by all scores: <see cref="CompetitionTerm"/> in float64 lanes, operation by operation, so its bits are those of the other devices.</summary>
internal unsafe struct Competition : IRangeKernel
{
    /// <summary>Where scores go; null to merge.</summary>
    public double* Scores;
    public int Index;
    public float* Output;
    public float* Origin;
    public float** Vectors;
    public CompetitionTerm* Terms;
    public int Count;
    public double Scale;
    public double Least;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        double* rest = stackalloc double[SumTree.Lanes];
        for (int i = 0; i < count; i += S.Count)
        {
            int elements = Math.Min(S.Count, count - i);
            if (Scores == null)
            {
                Merge<S, V, D>(start + i, elements);
                continue;
            }

            double* target = elements == S.Count ? Scores + start + i : rest;
            S.StoreDouble(target, ScoreOf<S, V, D>(start + i, elements, upper: false));
            S.StoreDouble(target + (S.Count / 2), ScoreOf<S, V, D>(start + i, elements, upper: true));
            if (target == rest) new ReadOnlySpan<double>(rest, elements).CopyTo(new Span<double>(Scores + start + i, elements));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Merge<S, V, D>(long at, int elements)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D lower = MergedOf<S, V, D>(at, elements, upper: false, out D lowerIsOrigin), upper = MergedOf<S, V, D>(at, elements, upper: true, out D upperIsOrigin);
        V result = S.Select(S.NarrowMask(lowerIsOrigin, upperIsOrigin), Load<S, V, D>(Origin + at, elements), S.Narrow(lower, upper));
        if (elements == S.Count) S.Store(Output + at, result);
        else S.StorePartial(Output + at, result, elements);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly D ScoreOf<S, V, D>(long at, int elements, bool upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => Score<S, V, D>(Terms[Index], Half<S, V, D>(Vectors[Index] + at, elements, upper), SharesAt<S, V, D>(at, elements, upper), Count);

    /// <param name="at">The first element.</param>
    /// <param name="elements">Those that there are.</param>
    /// <param name="upper">Which half of a register of them.</param>
    /// <param name="isOrigin">Where nothing is added, so that the origin keeps its bits.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly D MergedOf<S, V, D>(long at, int elements, bool upper, out D isOrigin)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D shares = SharesAt<S, V, D>(at, elements, upper), zero = S.CreateDouble(0), sum = zero, total = zero, least = S.CreateDouble(Least);
        for (int k = 0; k < Count; k++)
        {
            CompetitionTerm term = Terms[k];
            D value = Half<S, V, D>(Vectors[k] + at, elements, upper), weight = zero;
            if (term.Most > term.Threshold) weight = Place<S, V, D>(Score<S, V, D>(term, value, shares, Count), term.Threshold, term.Most);
            D clipped = WithSign<S, V, D>(Within<S, V, D>(S.Abs(value), term.Low, term.High), value);
            sum = S.FusedMultiplyAdd(S.Multiply(S.CreateDouble(term.Factor), weight), clipped, sum);
            total = S.Add(total, weight);
        }

        isOrigin = S.Equal(sum, zero);
        D mean = S.Divide(sum, S.Select(S.LessThan(total, least), least, total));
        return S.FusedMultiplyAdd(S.CreateDouble(Scale), mean, Half<S, V, D>(Origin + at, elements, upper));
    }

    /// <summary>The sum of the signed shares of all vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly D SharesAt<S, V, D>(long at, int elements, bool upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D sum = S.CreateDouble(0);
        for (int k = 0; k < Count; k++)
        {
            D value = Half<S, V, D>(Vectors[k] + at, elements, upper);
            sum = S.Add(sum, WithSign<S, V, D>(Share<S, V, D>(Terms[k], value), value));
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Score<S, V, D>(in CompetitionTerm term, D value, D shares, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D share = Share<S, V, D>(term, value), zero = S.CreateDouble(0);
        D within = DoubleVectorFunctions.Exp<S, V, D>(S.Multiply(S.CreateDouble(count), S.Subtract(S.Multiply(share, share), S.CreateDouble(1))));
        D score = S.Multiply(within, DoubleVectorFunctions.Tanh<S, V, D>(S.Multiply(value, shares)));
        return S.Select(S.LessThanOrEqual(score, zero), zero, score);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Share<S, V, D>(in CompetitionTerm term, D value)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => term.High > term.Low ? Place<S, V, D>(S.Abs(value), term.Low, term.High) : S.CreateDouble(0);

    /// <summary>Where a number stands between two, from 0 to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Place<S, V, D>(D x, double low, double high)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => S.Divide(S.Subtract(Within<S, V, D>(x, low, high), S.CreateDouble(low)), S.CreateDouble(high - low));

    /// <summary>The nearest number within the limits; NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Within<S, V, D>(D x, double low, double high)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D least = S.CreateDouble(low), most = S.CreateDouble(high);
        x = S.Select(S.LessThan(x, least), least, x);
        return S.Select(S.LessThan(most, x), most, x);
    }

    /// <summary>A magnitude with the sign of a number; the number itself where that is 0 or NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D WithSign<S, V, D>(D size, D of)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        return S.Select(S.LessThan(zero, of), size, S.Select(S.LessThan(of, zero), S.Subtract(zero, size), of));
    }

    /// <summary>A half of the lanes of a register in float64; lanes behind the last element are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Half<S, V, D>(float* values, int elements, bool upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V v = Load<S, V, D>(values, elements);
        return upper ? S.WidenUpper(v) : S.WidenLower(v);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load<S, V, D>(float* values, int elements)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => elements == S.Count ? S.Load(values) : S.LoadPartial(values, elements);
}
