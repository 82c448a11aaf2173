namespace MergeEngine.Tensors.Operations;

/// <summary>
/// What one input x_k of <see cref="OperationSet.MergeDifferences"/> adds: which elements of its difference d_k = x_k − origin count, and with which
/// factors. An element counts if <paramref name="Kept"/> contains |d_k| and <paramref name="Dropped"/> does not, and its mask is not 0. A difference that
/// is NaN is in no selection's order: it counts unless its mask is 0, so that it shows in the result.
/// </summary>
/// <param name="Factor">Factor in the sum.</param>
/// <param name="Weight">What the term adds to the divisor where it is in the sum.</param>
/// <param name="Vote">Factor in the election; with <see cref="DifferenceRule.SharedMean"/> the factor where no other term counts.</param>
/// <param name="Kept">Magnitudes that count.</param>
/// <param name="Dropped">Those among them that do not.</param>
/// <param name="Mask">[n] bytes; <c>default</c> for all 1.</param>
public readonly record struct DifferenceTerm(double Factor, double Weight, double Vote, Selection Kept, Selection Dropped, DeviceSpan<byte> Mask = default)
{
    /// <summary>A term of which every element counts, with one factor for everything.</summary>
    public static DifferenceTerm Whole(double factor) => new(factor, factor, factor, Selection.All, Selection.None);

    /// <summary>Whether element <paramref name="index"/> counts, as far as its magnitude decides.</summary>
    internal bool Counts(float difference, long index)
    {
        double key = Math.Abs(difference);
        return double.IsNaN(key) || (Kept.Contains(key, index) && !Dropped.Contains(key, index));
    }
}

/// <summary>How <see cref="OperationSet.MergeDifferences"/> makes one difference m of several; v_k is d_k where it counts and 0 elsewhere.</summary>
public enum DifferenceRule
{
    /// <summary>m = Σ factor_k·v_k.</summary>
    Sum,

    /// <summary>Only terms whose vote_k·v_k has the sign of Σ vote_k·v_k (+ where that is 0): m = Σ factor_k·v_k over those.</summary>
    Elected,

    /// <summary>The same, divided by the sum of their weights unless that is 0.</summary>
    ElectedMean,

    /// <summary>Terms with v_k ≠ 0: Σ factor_k·v_k divided by the sum of their weights unless that is 0; vote_k·v_k where there is only one.</summary>
    SharedMean,

    /// <summary>The v_k of largest magnitude, the first of equal ones; NaN never is.</summary>
    Largest,

    /// <summary>The same among the terms that <see cref="Elected"/> takes.</summary>
    ElectedLargest,
}
