using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Merged differences, two registers of float64, from the staged ones of every term: a rule of <see cref="DifferenceRule"/>.</summary>
/// <typeparam name="T">What differences are staged in: float for a rule that looks at each once, which is half to write and to read; double for more looks, of which none widens.</typeparam>
internal unsafe interface IDifferenceRule<T>
    where T : unmanaged
{
    /// <param name="staged">The first term's registers; those of the others follow <paramref name="strip"/> elements apart.</param>
    /// <param name="strip">Elements between two terms.</param>
    /// <param name="terms">The terms.</param>
    /// <param name="lower">The lower half of the result.</param>
    /// <param name="upper">The upper half.</param>
    static abstract void Merge<S, V, D>(T* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;
}

/// <summary><see cref="DifferenceRule.Sum"/>.</summary>
internal readonly unsafe struct SumRule : IDifferenceRule<float>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(float* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        lower = upper = S.CreateDouble(0);
        double* factors = terms.Factors;
        int count = terms.Count;
        for (int k = 0; k < count; k++, staged += strip)
        {
            V d = S.Load(staged);
            D factor = S.CreateDouble(factors[k]);
            lower = S.FusedMultiplyAdd(factor, S.WidenLower(d), lower);
            upper = S.FusedMultiplyAdd(factor, S.WidenUpper(d), upper);
        }
    }

    /// <summary>The same over widened differences, with factors of the caller's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sum<S, V, D>(double* staged, int strip, double* factors, int count, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        lower = upper = S.CreateDouble(0);
        for (int k = 0; k < count; k++, staged += strip)
        {
            D factor = S.CreateDouble(factors[k]);
            lower = S.FusedMultiplyAdd(factor, S.LoadDouble(staged), lower);
            upper = S.FusedMultiplyAdd(factor, S.LoadDouble(staged + (S.Count / 2)), upper);
        }
    }
}

/// <summary>The rules that hold an election first.</summary>
/// <typeparam name="TMode">What is made of the terms that agree.</typeparam>
internal readonly unsafe struct ElectionRule<TMode> : IDifferenceRule<double>
    where TMode : struct, IElectionMode
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(double* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        SumRule.Sum<S, V, D>(staged, strip, terms.Votes, terms.Count, out D votes0, out D votes1);
        D minus = S.CreateDouble(-0.0), flip0 = S.Select(S.LessThanOrEqual(zero, votes0), zero, minus), flip1 = S.Select(S.LessThanOrEqual(zero, votes1), zero, minus);
        D sum0 = zero, sum1 = zero, weights0 = zero, weights1 = zero;
        double* factors = terms.Factors, weights = terms.Weights, signs = terms.Signs;
        int count = terms.Count, half = S.Count / 2;
        for (int k = 0; k < count; k++, staged += strip)
        {
            D d0 = S.LoadDouble(staged), d1 = S.LoadDouble(staged + half), sign = S.CreateDouble(signs[k]);
            D agrees0 = S.LessThan(zero, S.Xor(flip0, S.Multiply(d0, sign))), agrees1 = S.LessThan(zero, S.Xor(flip1, S.Multiply(d1, sign)));
            if (TMode.TakesLargest)
            {
                sum0 = S.Select(S.And(agrees0, S.LessThan(S.Abs(sum0), S.Abs(d0))), d0, sum0);
                sum1 = S.Select(S.And(agrees1, S.LessThan(S.Abs(sum1), S.Abs(d1))), d1, sum1);
                continue;
            }

            D factor = S.CreateDouble(factors[k]);
            sum0 = S.FusedMultiplyAdd(factor, S.And(agrees0, d0), sum0);
            sum1 = S.FusedMultiplyAdd(factor, S.And(agrees1, d1), sum1);
            if (!TMode.Divides) continue;
            D weight = S.CreateDouble(weights[k]);
            weights0 = S.Add(weights0, S.And(agrees0, weight));
            weights1 = S.Add(weights1, S.And(agrees1, weight));
        }

        if (TMode.Divides) (sum0, sum1) = (Divide<S, V, D>(sum0, weights0), Divide<S, V, D>(sum1, weights1));

        // An election that is no number has no outcome.
        lower = S.Select(S.Equal(votes0, votes0), sum0, votes0);
        upper = S.Select(S.Equal(votes1, votes1), sum1, votes1);
    }

    /// <summary>The quotient, or the sum where there is nothing to divide by.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static D Divide<S, V, D>(D sum, D weights)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => S.Divide(sum, S.Select(S.Equal(weights, S.CreateDouble(0)), S.CreateDouble(1), weights));
}

internal interface IElectionMode
{
    static abstract bool Divides { get; }

    static abstract bool TakesLargest { get; }
}

internal readonly struct SumOfElected : IElectionMode
{
    public static bool Divides => false;

    public static bool TakesLargest => false;
}

internal readonly struct MeanOfElected : IElectionMode
{
    public static bool Divides => true;

    public static bool TakesLargest => false;
}

internal readonly struct LargestOfElected : IElectionMode
{
    public static bool Divides => false;

    public static bool TakesLargest => true;
}

/// <summary><see cref="DifferenceRule.SharedMean"/>.</summary>
internal readonly unsafe struct SharedMeanRule : IDifferenceRule<double>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(double* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0), one = S.CreateDouble(1), weights0 = zero, weights1 = zero, owners0 = zero, owners1 = zero;
        SumRule.Sum<S, V, D>(staged, strip, terms.Factors, terms.Count, out D sum0, out D sum1);
        SumRule.Sum<S, V, D>(staged, strip, terms.Votes, terms.Count, out D alone0, out D alone1);
        for (int k = 0; k < terms.Count; k++, staged += strip)
        {
            D isZero0 = S.Equal(S.LoadDouble(staged), zero), isZero1 = S.Equal(S.LoadDouble(staged + (S.Count / 2)), zero), weight = S.CreateDouble(terms.Weights[k]);
            owners0 = S.Select(isZero0, owners0, S.Add(owners0, one));
            owners1 = S.Select(isZero1, owners1, S.Add(owners1, one));
            weights0 = S.Select(isZero0, weights0, S.Add(weights0, weight));
            weights1 = S.Select(isZero1, weights1, S.Add(weights1, weight));
        }

        lower = S.Select(S.Equal(owners0, one), alone0, ElectionRule<MeanOfElected>.Divide<S, V, D>(sum0, weights0));
        upper = S.Select(S.Equal(owners1, one), alone1, ElectionRule<MeanOfElected>.Divide<S, V, D>(sum1, weights1));
    }
}

/// <summary><see cref="DifferenceRule.Largest"/>.</summary>
internal readonly unsafe struct LargestRule : IDifferenceRule<float>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(float* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V largest = S.Zero;
        int count = terms.Count;
        for (int k = 0; k < count; k++, staged += strip)
        {
            V d = S.Load(staged);
            largest = S.Select(S.LessThan(S.Abs(largest), S.Abs(d)), d, largest);
        }

        (lower, upper) = (S.WidenLower(largest), S.WidenUpper(largest));
    }
}
