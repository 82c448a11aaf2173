using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// output[i] ← mean of those v̂_k[i] that have the sign of Σ_k v̂_k[i]; 0 where there are none. A strip of every vector's v̂ is staged
/// in a small buffer for both looks, so memory is read once and in pieces long enough for the processor to read ahead. The output may be one of the vectors.
/// </summary>
/// <remarks>
/// The elected sign is that of the sum in float64. A sum in float32 has it too wherever it is larger than its own rounding errors can be; only where
/// it may not be, the float64 sum is formed.
/// </remarks>
internal unsafe struct DisjointMean : IRangeKernel
{
    /// <summary>Registers of one vector in a strip: 64 staged vectors still fit the first cache.</summary>
    private const int StripVectors = 8;

    public float* Output;
    public TrimmedVectors Trimmed;

    /// <summary>For every worker room for <see cref="BufferBytes"/>: many vectors that start alike in their pages would displace each other from the first cache.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>The sign where the sum has none.</summary>
    public int UndecidedSign;

    /// <summary>A strip of 512-bit registers for each of <paramref name="count"/> vectors.</summary>
    public static long BufferBytes(int count) => 64L * StripVectors * count;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* limits = stackalloc float[Trimmed.Count];
        var buffer = (float*)(Buffers + (Pool.CurrentWorker * BufferBytes(Trimmed.Count)));
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Trimmed.End(start, end);
            Trimmed.Limits(start, limits);
            Mean<S, V, D>(Output, Trimmed.Vectors, limits, Trimmed.Count, buffer, UndecidedSign > 0, start, (int)(next - start));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mean<S, V, D>(float* output, float** vectors, float* limits, int n, float* buffer, bool undecidedIsPositive, long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int width = S.Count, strip = StripVectors * width;
        for (int i = 0; i < count; i += strip)
        {
            long at = start + i;
            int elements = Math.Min(strip, count - i);
            for (int k = 0; k < n; k++) Stage<S, V, D>(buffer + (k * strip), vectors[k] + at, limits[k], elements);
            int j = 0;
            for (; j <= elements - (2 * width); j += 2 * width)
            {
                MeanOfStaged<S, V, D>(buffer + j, n, undecidedIsPositive, out V first, out V second);
                S.Store(output + at + j, first);
                S.Store(output + at + j + width, second);
            }

            if (j < elements)
            {
                MeanOfStaged<S, V, D>(buffer + j, n, undecidedIsPositive, out V first, out V second);
                S.StorePartial(output + at + j, first, Math.Min(width, elements - j));
                S.StorePartial(output + at + Math.Min(j + width, elements), second, Math.Max(elements - j - width, 0));
            }
        }
    }

    /// <summary>v̂ of one vector, and zeros up to the end of a pair of registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Stage<S, V, D>(float* target, float* source, float limit, int elements)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int j = 0, width = S.Count;
        for (; j <= elements - width; j += width)
        {
            S.Prefetch(source + j + Ranges.Ahead);
            S.Store(target + j, TrimmedVectors.Trim<S, V>(S.Load(source + j), limit));
        }

        for (; j % (2 * width) != 0 || j < elements; j += width)
            S.Store(target + j, TrimmedVectors.Trim<S, V>(S.LoadPartial(source + Math.Min(j, elements), Math.Max(elements - j, 0)), limit));
    }

    /// <summary>The means of two registers' elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MeanOfStaged<S, V, D>(float* staged, int n, bool undecidedIsPositive, out V first, out V second)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int width = S.Count, strip = StripVectors * width;
        V sum0 = S.Zero, sum1 = S.Zero, size0 = S.Zero, size1 = S.Zero;
        for (int k = 0; k < n; k++)
        {
            V x = S.Load(staged + (k * strip)), y = S.Load(staged + (k * strip) + width);
            sum0 = S.Add(sum0, x);
            sum1 = S.Add(sum1, y);
            size0 = S.Add(size0, S.Abs(x));
            size1 = S.Add(size1, S.Abs(y));
        }

        V minus = S.Create(-0f), flip0 = S.And(sum0, minus), flip1 = S.And(sum1, minus);
        if (!IsSure<S, V, D>(sum0, size0, n) || !IsSure<S, V, D>(sum1, size1, n))
        {
            flip0 = ExactFlip<S, V, D>(staged, n, undecidedIsPositive);
            flip1 = ExactFlip<S, V, D>(staged + width, n, undecidedIsPositive);
        }

        D zero = S.CreateDouble(0);
        D s0 = zero, s1 = zero, s2 = zero, s3 = zero;
        V count0 = S.Zero, count1 = S.Zero;
        for (int k = 0; k < n; k++)
        {
            AddElected<S, V, D>(S.Load(staged + (k * strip)), flip0, ref s0, ref s1, ref count0);
            AddElected<S, V, D>(S.Load(staged + (k * strip) + width), flip1, ref s2, ref s3, ref count1);
        }

        first = Divide<S, V, D>(s0, s1, count0, flip0);
        second = Divide<S, V, D>(s2, s3, count1, flip1);
    }

    /// <summary>
    /// Every lane's float32 sum of <paramref name="n"/> values has the sign of the float64 sum, or all its values are 0: it is above n·2⁻²² of the
    /// sum of magnitudes, four times what the additions can be wrong by. False where sums overflow.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSure<S, V, D>(V sum, V size, int n)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct =>
        (S.Bits(S.LessThan(S.Multiply(size, S.Create(n * (1f / (1 << 22)))), S.Abs(sum))) | S.Bits(S.Equal(size, S.Zero))) == uint.MaxValue >> (32 - S.Count);

    /// <summary>A sign bit where the elected sign is −: with it, values of the elected sign become positive.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V ExactFlip<S, V, D>(float* staged, int n, bool undecidedIsPositive)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0), lower = zero, upper = zero;
        for (int k = 0; k < n; k++)
        {
            V x = S.Load(staged + (k * StripVectors * S.Count));
            lower = S.Add(lower, S.WidenLower(x));
            upper = S.Add(upper, S.WidenUpper(x));
        }

        V minus = S.Create(-0f);
        return undecidedIsPositive
            ? S.And(S.NarrowMask(S.LessThan(lower, zero), S.LessThan(upper, zero)), minus)
            : S.Select(S.NarrowMask(S.LessThan(zero, lower), S.LessThan(zero, upper)), S.Zero, minus);
    }

    /// <summary>Adds |v̂| where v̂ has the elected sign: flipped, it is above 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddElected<S, V, D>(V v, V flip, ref D lower, ref D upper, ref V count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V x = S.Max(S.Xor(v, flip), S.Zero);
        lower = S.Add(lower, S.WidenLower(x));
        upper = S.Add(upper, S.WidenUpper(x));
        count = S.Select(S.LessThan(S.Zero, x), S.Add(count, S.Create(1)), count);
    }

    /// <summary>The mean with its sign again; +0 where nothing was elected.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Divide<S, V, D>(D lower, D upper, V count, V flip)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V mean = S.Narrow(S.Divide(lower, S.WidenLower(count)), S.Divide(upper, S.WidenUpper(count)));
        return S.Select(S.LessThan(S.Zero, count), S.Xor(mean, flip), S.Zero);
    }
}
