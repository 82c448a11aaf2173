using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>What a reduction adds up, in float64.</summary>
internal interface IReduction
{
    /// <summary>True when <c>b</c> is not looked at.</summary>
    static abstract bool IsUnary { get; }

    static abstract D Term<S, V, D>(D a, D b)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct;
}

/// <summary>
/// Σ_i term(a[i], b[i]) in float64 over a tree that is the same for every vector width and number of threads: element i of a block of
/// <see cref="Ranges.Sum"/> goes to lane i mod 16, the lanes are halved four times, and the blocks' sums are added in pairs.
/// </summary>
/// <remarks>
/// This is the tree of <see cref="SumTree"/>, so a vector that is added up in chunks has the same sum. With n terms in blocks of B the error is at most about (B/16 + 4 + log₂(n/B))·2⁻⁵³·Σ|term|, and never above n·2⁻⁵³·Σ|term|.
/// </remarks>
internal unsafe struct Reduction<TReduction> : IRangeKernel
    where TReduction : struct, IReduction
{
    public float* A;
    public float* B;

    /// <summary>One sum for each block.</summary>
    public double* Sums;

    public static double Run(CpuDevice device, float* a, float* b, long length)
    {
        if (length <= 0) return 0;
        long blocks = (length + Ranges.Sum - 1) / Ranges.Sum;
        double* sums = (double*)Scratch.Require(blocks * sizeof(double));
        VectorPass<Reduction<TReduction>>.Run(device, new Reduction<TReduction> { A = a, B = b, Sums = sums }, length, 2 * Ranges.Sum);
        return AddInPairs(sums, blocks);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        for (int done = 0; done < count; done += Ranges.Sum)
        {
            long first = start + done;
            Sums[first / Ranges.Sum] = SumBlock<S, V, D>(A + first, B + first, Math.Min(Ranges.Sum, count - done));
        }
    }

    private static double SumBlock<S, V, D>(float* a, float* b, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        double* lanes = stackalloc double[SumTree.Lanes];
        new Span<double>(lanes, SumTree.Lanes).Clear();
        AddToLanes<S, V, D>(lanes, a, b, count);
        return SumTree.Halve(lanes);
    }

    /// <summary>Adds the terms of <paramref name="count"/> elements to the 16 lanes; the first one belongs to lane 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddToLanes<S, V, D>(double* lanes, float* a, float* b, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        // 16 lanes are two registers of 512 bits, four of 256 or eight of 128: what is not needed is not compiled.
        int width = S.Count, half = width / 2;
        D zero = S.CreateDouble(0);
        D s0 = S.LoadDouble(lanes), s1 = S.LoadDouble(lanes + half), s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero, s7 = zero;
        if (width <= 8)
        {
            s2 = S.LoadDouble(lanes + (2 * half));
            s3 = S.LoadDouble(lanes + (3 * half));
        }

        if (width <= 4)
        {
            s4 = S.LoadDouble(lanes + (4 * half));
            s5 = S.LoadDouble(lanes + (5 * half));
            s6 = S.LoadDouble(lanes + (6 * half));
            s7 = S.LoadDouble(lanes + (7 * half));
        }

        float* paddedA = stackalloc float[SumTree.Lanes], paddedB = stackalloc float[SumTree.Lanes];
        for (int i = 0; i < count; i += SumTree.Lanes)
        {
            float* x = a + i, y = b + i;
            if (i > count - SumTree.Lanes)
            {
                // Zeros change no sum: the lanes start at +0 and can never become −0.
                x = Pad(x, count - i, paddedA);
                y = TReduction.IsUnary ? x : Pad(y, count - i, paddedB);
            }

            Accumulate<S, V, D>(x, y, ref s0, ref s1);
            if (width <= 8) Accumulate<S, V, D>(x + width, y + width, ref s2, ref s3);
            if (width <= 4)
            {
                Accumulate<S, V, D>(x + (2 * width), y + (2 * width), ref s4, ref s5);
                Accumulate<S, V, D>(x + (3 * width), y + (3 * width), ref s6, ref s7);
            }
        }

        S.StoreDouble(lanes, s0);
        S.StoreDouble(lanes + half, s1);
        if (width <= 8)
        {
            S.StoreDouble(lanes + (2 * half), s2);
            S.StoreDouble(lanes + (3 * half), s3);
        }

        if (width <= 4)
        {
            S.StoreDouble(lanes + (4 * half), s4);
            S.StoreDouble(lanes + (5 * half), s5);
            S.StoreDouble(lanes + (6 * half), s6);
            S.StoreDouble(lanes + (7 * half), s7);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate<S, V, D>(float* a, float* b, ref D lower, ref D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        V x = S.Load(a), y = TReduction.IsUnary ? x : S.Load(b);
        lower = S.Add(lower, TReduction.Term<S, V, D>(S.WidenLower(x), S.WidenLower(y)));
        upper = S.Add(upper, TReduction.Term<S, V, D>(S.WidenUpper(x), S.WidenUpper(y)));
    }

    private static float* Pad(float* source, int count, float* target)
    {
        for (int i = 0; i < SumTree.Lanes; i++) target[i] = i < count ? source[i] : 0;
        return target;
    }

    private static double AddInPairs(double* sums, long count)
    {
        for (; count > 1; count = (count + 1) / 2)
        {
            for (long i = 0; i < count / 2; i++) sums[i] = sums[2 * i] + sums[(2 * i) + 1];
            if (count % 2 != 0) sums[count / 2] = sums[count - 1];
        }

        return sums[0];
    }
}
