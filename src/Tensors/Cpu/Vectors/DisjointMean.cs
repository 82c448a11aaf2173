using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// output[i] ← mean of those v̂_k[i] that have the sign of Σ_k v̂_k[i]; 0 where there are none. The first look leaves the v̂ of two
/// registers' elements in a small buffer for the second one, so memory is read once. The output may be one of the vectors.
/// </summary>
internal unsafe struct DisjointMean : IVectorKernel
{
    public float* Output;
    public TrimmedVectors Trimmed;

    /// <summary>For every worker room for <see cref="BufferBytes"/>: many vectors that start alike in their pages would displace each other from the first cache.</summary>
    public byte* Buffers;
    public WorkerPool Pool;

    /// <summary>The sign where the sum has none.</summary>
    public int UndecidedSign;

    /// <summary>Two 512-bit registers for each of <paramref name="count"/> vectors.</summary>
    public static long BufferBytes(int count) => 128L * count;

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
        int i = 0, width = S.Count;
        for (; i <= count - (2 * width); i += 2 * width)
        {
            long at = start + i;
            D zero = S.CreateDouble(0);
            D s0 = zero, s1 = zero, s2 = zero, s3 = zero;
            for (int k = 0; k < n; k++)
            {
                S.Store(buffer + (2 * k * width), TrimmedVectors.Add<S, V, D>(vectors[k] + at, limits[k], width, ref s0, ref s1));
                S.Store(buffer + (2 * k * width) + width, TrimmedVectors.Add<S, V, D>(vectors[k] + at + width, limits[k], width, ref s2, ref s3));
            }

            V flip0 = Flip<S, V, D>(s0, s1, undecidedIsPositive), flip1 = Flip<S, V, D>(s2, s3, undecidedIsPositive);
            V count0 = S.Zero, count1 = S.Zero;
            s0 = s1 = s2 = s3 = zero;
            for (int k = 0; k < n; k++)
            {
                AddElected<S, V, D>(S.Load(buffer + (2 * k * width)), flip0, ref s0, ref s1, ref count0);
                AddElected<S, V, D>(S.Load(buffer + (2 * k * width) + width), flip1, ref s2, ref s3, ref count1);
            }

            S.Store(output + at, Divide<S, V, D>(s0, s1, count0, flip0));
            S.Store(output + at + width, Divide<S, V, D>(s2, s3, count1, flip1));
        }

        for (; i < count; i += width)
        {
            long at = start + i;
            int lanes = Math.Min(width, count - i);
            D lower = S.CreateDouble(0), upper = lower;
            for (int k = 0; k < n; k++) S.Store(buffer + (k * width), TrimmedVectors.Add<S, V, D>(vectors[k] + at, limits[k], lanes, ref lower, ref upper));
            V flip = Flip<S, V, D>(lower, upper, undecidedIsPositive), counted = S.Zero;
            lower = upper = S.CreateDouble(0);
            for (int k = 0; k < n; k++) AddElected<S, V, D>(S.Load(buffer + (k * width)), flip, ref lower, ref upper, ref counted);
            S.StorePartial(output + at, Divide<S, V, D>(lower, upper, counted, flip), lanes);
        }
    }

    /// <summary>A sign bit where the elected sign is −: with it, values of the elected sign become positive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Flip<S, V, D>(D lower, D upper, bool undecidedIsPositive)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0);
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
        V x = S.Xor(v, flip);
        V elected = S.LessThan(S.Zero, x);
        x = S.Select(elected, x, S.Zero);
        lower = S.Add(lower, S.WidenLower(x));
        upper = S.Add(upper, S.WidenUpper(x));
        count = S.Add(count, S.Select(elected, S.Create(1), S.Zero));
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
