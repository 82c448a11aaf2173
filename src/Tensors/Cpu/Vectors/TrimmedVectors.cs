using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Several vectors of which only selected elements count: v̂_k[i] is v_k[i] where it is kept, and +0 elsewhere.</summary>
internal unsafe struct TrimmedVectors
{
    public float** Vectors;
    public StrictThreshold* Kept;
    public int Count;

    /// <summary>Bytes of scratch memory for <paramref name="count"/> vectors.</summary>
    public static long ScratchBytes(int count) => Scratch.PointerBytes(count) + ((((long)count * sizeof(StrictThreshold)) + 63) & ~63L);

    public static TrimmedVectors Create(byte* scratch, ReadOnlySpan<DeviceSpan<float>> vectors, ReadOnlySpan<Selection> kept, long firstIndex)
    {
        var thresholds = (StrictThreshold*)(scratch + Scratch.PointerBytes(vectors.Length));
        for (int k = 0; k < vectors.Length; k++) thresholds[k] = new StrictThreshold(kept[k], firstIndex);
        return new TrimmedVectors { Vectors = Scratch.Pointers(scratch, vectors), Kept = thresholds, Count = vectors.Length };
    }

    /// <summary>End of the longest range from <paramref name="start"/>, before <paramref name="end"/>, in which every vector has one limit.</summary>
    public readonly long End(long start, long end)
    {
        for (int k = 0; k < Count; k++) end = Kept[k].End(start, end);
        return end;
    }

    /// <summary>Every vector's limit in the range from <paramref name="start"/> on.</summary>
    public readonly void Limits(long start, float* limits)
    {
        for (int k = 0; k < Count; k++) limits[k] = Kept[k].MagnitudeLimit(start);
    }

    /// <summary>v̂: the lanes of <paramref name="x"/> that exceed the limit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Trim<S, V>(V x, float limit)
        where S : struct, ISimd<V>
        where V : struct => S.Select(S.LessThan(S.Create(limit), S.Abs(x)), x, S.Zero);

    /// <summary>Adds v̂ of one vector; lanes from <paramref name="lanes"/> on are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<S, V, D>(float* source, float limit, int lanes, ref D lower, ref D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V x = Trim<S, V>(lanes == S.Count ? S.Load(source) : S.LoadPartial(source, lanes), limit);
        lower = S.Add(lower, S.WidenLower(x));
        upper = S.Add(upper, S.WidenUpper(x));
    }
}
