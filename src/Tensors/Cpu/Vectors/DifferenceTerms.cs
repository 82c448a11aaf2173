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
    public float* Signs;
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
        lists.Signs = (float*)(scratch += pointers);
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

    /// <summary>Differences of one term from <paramref name="at"/> on, 0 where they do not count, and zeros up to the end of a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Stage<S, V, D>(float* target, float* origin, int term, long at, int elements)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* source = Inputs[term] + at;
        origin += at;
        byte* mask = Masks[term];
        V below = S.Create(Kept[term].MagnitudeLimit(at)), above = S.Create(Dropped[term].MagnitudeLimit(at));
        int j = 0, width = S.Count;
        if (mask is null)
        {
            for (; j <= elements - width; j += width)
            {
                S.Prefetch(source + j + Ranges.Ahead);
                S.Store(target + j, Difference<S, V>(S.Load(source + j), S.Load(origin + j), below, above));
            }
        }
        else
        {
            for (; j <= elements - width; j += width)
            {
                S.Prefetch(source + j + Ranges.Ahead);
                S.Store(target + j, S.And(S.LoadMask(mask + at + j), Difference<S, V>(S.Load(source + j), S.Load(origin + j), below, above)));
            }
        }

        int rest = elements - j;
        if (rest <= 0) return;
        V last = Difference<S, V>(S.LoadPartial(source + j, rest), S.LoadPartial(origin + j, rest), below, above);
        if (mask is not null)
        {
            byte* bytes = stackalloc byte[64];
            for (int i = 0; i < rest; i++) bytes[i] = mask[at + j + i];
            for (int i = rest; i < width; i++) bytes[i] = 0;
            last = S.And(S.LoadMask(bytes), last);
        }

        S.Store(target + j, last);
    }

    /// <summary>x − origin where its magnitude is above one limit and not above the other; NaN is neither dropped by the one nor by the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Difference<S, V>(V x, V origin, V below, V above)
        where S : struct, ISimd<V>
        where V : struct
    {
        V difference = S.Subtract(x, origin), size = S.Abs(difference);
        return S.Select(S.Or(S.LessThanOrEqual(size, below), S.LessThan(above, size)), S.Zero, difference);
    }

    private static long ThresholdBytes(int count) => (((long)count * sizeof(StrictThreshold)) + 63) & ~63L;
}
