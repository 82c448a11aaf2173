using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>mask[i] ← whether the key i is selected, as the test wants it written.</summary>
/// <typeparam name="T">Of the keys.</typeparam>
/// <typeparam name="TTest">What is compared, and which byte a selected element gets.</typeparam>
internal unsafe struct SelectionMask<T, TTest> : IRangeKernel
    where T : unmanaged
    where TTest : struct, ISelectionTest<T>
{
    public byte* Mask;
    public T* Keys;
    public StrictThreshold Threshold;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Threshold.End(start, end);
            Compare<S, V, D>(Mask + start, Keys + start, TTest.Limit(Threshold, start), (int)(next - start));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compare<S, V, D>(byte* mask, T* keys, T limit, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        int i = 0;
        for (; i <= count - S.Count; i += S.Count) S.StoreMask(mask + i, TTest.Bytes<S, V, D>(keys + i, limit));
        for (; i < count; i++) mask[i] = TTest.Byte(keys[i], limit);
    }
}

/// <summary>A mask's comparison with the limit of <see cref="StrictThreshold"/>.</summary>
internal unsafe interface ISelectionTest<T>
    where T : unmanaged
{
    static abstract T Limit(in StrictThreshold threshold, long index);

    /// <summary>The lanes that get 1, of one register's keys.</summary>
    static abstract V Bytes<S, V, D>(T* keys, T limit)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;

    static abstract byte Byte(T key, T limit);
}

/// <summary>1 where a value's magnitude is selected.</summary>
internal readonly unsafe struct KeepTest : ISelectionTest<float>
{
    public static float Limit(in StrictThreshold threshold, long index) => threshold.MagnitudeLimit(index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Bytes<S, V, D>(float* values, float limit)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct => S.LessThan(S.Create(limit), S.Abs(S.Load(values)));

    public static byte Byte(float value, float limit) => limit < MathF.Abs(value) ? (byte)1 : (byte)0;
}

/// <summary>0 where a key, which is not negative, is selected.</summary>
internal readonly unsafe struct DropTest : ISelectionTest<double>
{
    public static double Limit(in StrictThreshold threshold, long index) => threshold.KeyLimit(index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Bytes<S, V, D>(double* keys, double limit)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D limits = S.CreateDouble(limit);
        D lower = S.LessThan(limits, S.LoadDouble(keys)), upper = S.LessThan(limits, S.LoadDouble(keys + (S.Count / 2)));

        // Not the reverse comparison: NaN is not selected.
        return S.Xor(S.Equal(S.Zero, S.Zero), S.NarrowMask(lower, upper));
    }

    public static byte Byte(double key, double limit) => limit < key ? (byte)0 : (byte)1;
}
