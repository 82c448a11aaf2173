using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>One register of merged differences from the staged ones of every term: a rule of <see cref="DifferenceRule"/>.</summary>
internal unsafe interface IDifferenceRule
{
    /// <param name="staged">The first term's register; those of the others follow <paramref name="strip"/> elements apart.</param>
    /// <param name="strip">Elements between two terms.</param>
    /// <param name="terms">The terms.</param>
    /// <param name="lower">The lower half of the result.</param>
    /// <param name="upper">The upper half.</param>
    static abstract void Merge<S, V, D>(float* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;
}

/// <summary><see cref="DifferenceRule.Sum"/>; with other factors also the sum of votes.</summary>
internal readonly unsafe struct SumRule : IDifferenceRule
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(float* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => Sum<S, V, D>(staged, strip, terms.Factors, terms.Count, out lower, out upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sum<S, V, D>(float* staged, int strip, double* factors, int count, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        lower = upper = S.CreateDouble(0);
        for (int k = 0; k < count; k++, staged += strip)
        {
            V v = S.Load(staged);
            D factor = S.CreateDouble(factors[k]);
            lower = S.FusedMultiplyAdd(factor, S.WidenLower(v), lower);
            upper = S.FusedMultiplyAdd(factor, S.WidenUpper(v), upper);
        }
    }
}

/// <summary>The rules that hold an election first.</summary>
/// <typeparam name="TMode">What is made of the terms that agree.</typeparam>
internal readonly unsafe struct ElectionRule<TMode> : IDifferenceRule
    where TMode : struct, IElectionMode
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(float* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
        SumRule.Sum<S, V, D>(staged, strip, terms.Votes, terms.Count, out D votes0, out D votes1);
        V flip = S.Select(S.NarrowMask(S.LessThanOrEqual(zero, votes0), S.LessThanOrEqual(zero, votes1)), S.Zero, S.Create(-0f));
        D sum0 = zero, sum1 = zero, weights0 = zero, weights1 = zero;
        V largest = S.Zero;
        double* factors = terms.Factors, weights = terms.Weights;
        float* signs = terms.Signs;
        int count = terms.Count;
        for (int k = 0; k < count; k++, staged += strip)
        {
            V v = S.Load(staged);
            V agrees = S.LessThan(S.Zero, S.Xor(flip, S.Multiply(v, S.Create(signs[k]))));
            if (TMode.TakesLargest)
            {
                largest = S.Select(S.And(agrees, S.LessThan(S.Abs(largest), S.Abs(v))), v, largest);
                continue;
            }

            v = S.And(agrees, v);
            D factor = S.CreateDouble(factors[k]);
            sum0 = S.FusedMultiplyAdd(factor, S.WidenLower(v), sum0);
            sum1 = S.FusedMultiplyAdd(factor, S.WidenUpper(v), sum1);
            if (TMode.Divides) AddWeights<S, V, D>(agrees, weights[k], ref weights0, ref weights1);
        }

        if (TMode.TakesLargest) (sum0, sum1) = (S.WidenLower(largest), S.WidenUpper(largest));
        if (TMode.Divides) (sum0, sum1) = (Divide<S, V, D>(sum0, weights0), Divide<S, V, D>(sum1, weights1));

        // An election that is no number has no outcome.
        lower = S.Select(S.Equal(votes0, votes0), sum0, votes0);
        upper = S.Select(S.Equal(votes1, votes1), sum1, votes1);
    }

    /// <summary>Adds the weight in the lanes of a mask.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddWeights<S, V, D>(V mask, double weight, ref D lower, ref D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V one = S.And(mask, S.Create(1));
        D factor = S.CreateDouble(weight);
        lower = S.FusedMultiplyAdd(factor, S.WidenLower(one), lower);
        upper = S.FusedMultiplyAdd(factor, S.WidenUpper(one), upper);
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
internal readonly unsafe struct SharedMeanRule : IDifferenceRule
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(float* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0), one = S.CreateDouble(1);
        D weights0 = zero, weights1 = zero;
        V owners = S.Zero;
        SumRule.Sum<S, V, D>(staged, strip, terms.Factors, terms.Count, out D sum0, out D sum1);
        SumRule.Sum<S, V, D>(staged, strip, terms.Votes, terms.Count, out D alone0, out D alone1);
        for (int k = 0; k < terms.Count; k++)
        {
            V isZero = S.Equal(S.Load(staged + (k * strip)), S.Zero), owns = S.Equal(S.Select(isZero, S.Create(1), S.Zero), S.Zero);
            owners = S.Add(owners, S.And(owns, S.Create(1)));
            ElectionRule<MeanOfElected>.AddWeights<S, V, D>(owns, terms.Weights[k], ref weights0, ref weights1);
        }

        lower = S.Select(S.Equal(S.WidenLower(owners), one), alone0, ElectionRule<MeanOfElected>.Divide<S, V, D>(sum0, weights0));
        upper = S.Select(S.Equal(S.WidenUpper(owners), one), alone1, ElectionRule<MeanOfElected>.Divide<S, V, D>(sum1, weights1));
    }
}

/// <summary><see cref="DifferenceRule.Largest"/>.</summary>
internal readonly unsafe struct LargestRule : IDifferenceRule
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Merge<S, V, D>(float* staged, int strip, in DifferenceTerms terms, out D lower, out D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V largest = S.Zero;
        for (int k = 0; k < terms.Count; k++)
        {
            V v = S.Load(staged + (k * strip));
            largest = S.Select(S.LessThan(S.Abs(largest), S.Abs(v)), v, largest);
        }

        (lower, upper) = (S.WidenLower(largest), S.WidenUpper(largest));
    }
}
