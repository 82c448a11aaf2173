using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>The terms of a merge as lists in scratch memory, and the differences of a strip, of which only elements that count are not 0.</summary>
internal unsafe struct DifferenceTerms
{
    public float** Inputs;
    public byte** Masks;
    public StrictThreshold* Kept;
    public StrictThreshold* Dropped;
    public double* Factors;
    public double* Weights;
    public double* Votes;

    /// <summary>Signs of the votes, 0 for none.</summary>
    public double* Signs;
    public int Count;

    /// <summary>Bytes of the lists of <paramref name="count"/> terms.</summary>
    public static long ScratchBytes(int count) => 2 * ThresholdBytes(count) + 6 * Scratch.PointerBytes(count);

    public static DifferenceTerms Create(byte* scratch, ReadOnlySpan<DeviceSpan<float>> inputs, ReadOnlySpan<DifferenceTerm> terms, long firstIndex)
    {
        long pointers = Scratch.PointerBytes(inputs.Length), thresholds = ThresholdBytes(inputs.Length);
        var lists = new DifferenceTerms { Inputs = Scratch.Pointers(scratch, inputs), Count = inputs.Length };
        lists.Masks = (byte**)(scratch += pointers);
        lists.Factors = (double*)(scratch += pointers);
        lists.Weights = (double*)(scratch += pointers);
        lists.Votes = (double*)(scratch += pointers);
        lists.Signs = (double*)(scratch += pointers);
        lists.Kept = (StrictThreshold*)(scratch += pointers);
        lists.Dropped = (StrictThreshold*)(scratch + thresholds);
        for (int k = 0; k < terms.Length; k++)
        {
            lists.Masks[k] = terms[k].Mask.Pointer;
            lists.Factors[k] = terms[k].Factor;
            lists.Weights[k] = terms[k].Weight;
            lists.Votes[k] = terms[k].Vote;
            lists.Signs[k] = Math.Sign(terms[k].Vote);
            lists.Kept[k] = new StrictThreshold(terms[k].Kept, firstIndex);
            lists.Dropped[k] = new StrictThreshold(terms[k].Dropped, firstIndex);
        }

        return lists;
    }

    /// <summary>End of the longest range from <paramref name="start"/>, before <paramref name="end"/>, in which every term has one pair of limits.</summary>
    public readonly long End(long start, long end)
    {
        for (int k = 0; k < Count; k++) end = Dropped[k].End(start, Kept[k].End(start, end));
        return end;
    }

    /// <summary>Limits of one term from <paramref name="at"/> on, up to the <see cref="End"/> of the range.</summary>
    public readonly TermLimits LimitsAt(int term, long at) => new(Kept[term].MagnitudeLimit(at), Dropped[term].MagnitudeLimit(at));

    /// <summary>
    /// Differences of one term from <paramref name="at"/> on, 0 where they do not count, and zeros up to the end of a register. What the next strips read is asked for here, masks too: each of
    /// many streams is read a little at a time, and the processor's own reading ahead loses track of them. T is float, or double for those who look at a difference more than once.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Stage<S, V, D, T>(T* target, float* origin, int term, long at, int elements, in TermLimits limits)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
        where T : unmanaged
    {
        float* source = Inputs[term] + at;
        origin += at;
        byte* mask = Masks[term] == null ? null : Masks[term] + at;
        bool isLimited = !limits.AreNone;
        V below = S.Create(limits.Below), above = S.Create(limits.Above);
        int j = 0, width = S.Count, whole = elements - width;
        if (isLimited)
        {
            for (; j <= whole; j += width)
            {
                S.Prefetch(source + j + Ranges.Ahead);
                V difference = Limit<S, V>(S.Subtract(S.Load(source + j), S.Load(origin + j)), below, above);
                if (mask != null)
                {
                    S.Prefetch((float*)(mask + j + Ranges.Ahead));
                    difference = S.And(S.LoadMask(mask + j), difference);
                }

                Store<S, V, D, T>(target + j, difference);
            }
        }
        else if (mask != null)
        {
            for (; j <= whole; j += width)
            {
                S.Prefetch(source + j + Ranges.Ahead);
                S.Prefetch((float*)(mask + j + Ranges.Ahead));
                Store<S, V, D, T>(target + j, S.And(S.LoadMask(mask + j), S.Subtract(S.Load(source + j), S.Load(origin + j))));
            }
        }
        else
        {
            for (; j <= whole; j += width)
            {
                S.Prefetch(source + j + Ranges.Ahead);
                Store<S, V, D, T>(target + j, S.Subtract(S.Load(source + j), S.Load(origin + j)));
            }
        }

        if (elements > j) Store<S, V, D, T>(target + j, Rest<S, V, D>(source + j, origin + j, mask == null ? null : mask + j, elements - j, below, above));
    }

    /// <summary>A difference where its magnitude is above one limit and not above the other; NaN is neither dropped by the one nor by the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Limit<S, V>(V difference, V below, V above)
        where S : struct, ISimd<V>
        where V : struct
    {
        V size = S.Abs(difference);
        return S.Select(S.Or(S.LessThanOrEqual(size, below), S.LessThan(above, size)), S.Zero, difference);
    }

    /// <summary>Fewer elements than fill a register.</summary>
    private static V Rest<S, V, D>(float* source, float* origin, byte* mask, int count, V below, V above)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V last = Limit<S, V>(S.Subtract(S.LoadPartial(source, count), S.LoadPartial(origin, count)), below, above);
        if (mask != null)
        {
            byte* bytes = stackalloc byte[64];
            for (int i = 0; i < S.Count; i++) bytes[i] = i < count ? mask[i] : (byte)0;
            last = S.And(S.LoadMask(bytes), last);
        }

        return last;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<S, V, D, T>(T* target, V difference)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            S.Store((float*)target, difference);
            return;
        }

        S.StoreDouble((double*)target, S.WidenLower(difference));
        S.StoreDouble((double*)target + (S.Count / 2), S.WidenUpper(difference));
    }

    private static long ThresholdBytes(int count) => (((long)count * sizeof(StrictThreshold)) + 63) & ~63L;
}

/// <summary>Between which magnitudes a difference counts: above the one and not above the other.</summary>
internal readonly struct TermLimits(float below, float above)
{
    public readonly float Below = below;

    public readonly float Above = above;

    /// <summary>Whether every difference counts.</summary>
    public bool AreNone => Below < 0 && Above == float.PositiveInfinity;
}
