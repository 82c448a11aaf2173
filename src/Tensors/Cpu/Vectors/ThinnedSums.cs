using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Σ of one term of d = x − origin, where that is asked for, and of d where it counts, 0 elsewhere: the vectors are x and its origin. Both sums are made of one look at d in a register. Only
/// where the limits change within a strip, or at ends that fill no register, differences are staged first.
/// </summary>
internal unsafe struct ThinnedSums<TReduction> : ILaneSums
    where TReduction : struct, IReduction
{
    private const int StripElements = 1024;

    /// <summary>One term: x.</summary>
    public DifferenceTerms Terms;

    /// <summary>Whether the first sum is that of all of d.</summary>
    public bool IsWithWhole;

    public static int Strip(int vectorCount) => StripElements;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Add<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        if (Terms.End(first, first + count) < first + count)
        {
            AddStaged<S, V, D>(lanes, vectors, first, count);
            return;
        }

        // 16 lanes are one register of 512 bits, two of 256 or four of 128, each with its own part of the strip.
        TermLimits limits = Terms.LimitsAt(0, first);
        bool withWhole = IsWithWhole, isLimited = !limits.AreNone;
        byte* mask = Terms.Masks[0];
        if (typeof(TReduction) == typeof(Magnitudes) && S.Count == SumTree.Lanes && withWhole && !isLimited && mask != null)
        {
            MaskedMagnitudes.Add(lanes, lanes + SumTree.Lanes, vectors[0] + first, vectors[1] + first, mask + first, count);
            return;
        }

        V below = S.Create(limits.Below), above = S.Create(limits.Above);
        int half = S.Count / 2;
        for (int part = 0; part < SumTree.Lanes; part += S.Count)
        {
            double* counted = lanes + part + (withWhole ? SumTree.Lanes : 0);
            D whole0 = S.LoadDouble(lanes + part), whole1 = S.LoadDouble(lanes + part + half), counted0 = S.LoadDouble(counted), counted1 = S.LoadDouble(counted + half);
            float* x = vectors[0] + first + part, origin = vectors[1] + first + part;
            byte* bytes = mask + first + part;
            for (int i = 0; i < count; i += SumTree.Lanes)
            {
                V difference = S.Subtract(S.Load(x + i), S.Load(origin + i));
                if (withWhole) Add<S, V, D>(difference, ref whole0, ref whole1);
                if (isLimited) difference = DifferenceTerms.Limit<S, V>(difference, below, above);
                if (mask != null) difference = S.And(S.LoadMask(bytes + i), difference);
                Add<S, V, D>(difference, ref counted0, ref counted1);
            }

            if (withWhole)
            {
                S.StoreDouble(lanes + part, whole0);
                S.StoreDouble(lanes + part + half, whole1);
            }

            S.StoreDouble(counted, counted0);
            S.StoreDouble(counted + half, counted1);
        }
    }

    public readonly void AddPiece<S, V, D>(double* lanes, float** vectors, int vectorCount, long first, int lane, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* staged = stackalloc float[2 * SumTree.Lanes];
        if (IsWithWhole)
        {
            new Span<float>(staged, 2 * SumTree.Lanes).Clear();
            for (int i = 0; i < count; i++) staged[lane + i] = vectors[0][first + i] - vectors[1][first + i];
            Reduction<TReduction>.AddToLanes<S, V, D>(lanes, staged, staged, SumTree.Lanes);
            lanes += SumTree.Lanes;
        }

        // Staging leaves zeros up to the end of a register.
        new Span<float>(staged, 2 * SumTree.Lanes).Clear();
        Stage<S, V, D>(staged + lane, vectors[1], first, count);
        Reduction<TReduction>.AddToLanes<S, V, D>(lanes, staged, staged, SumTree.Lanes);
    }

    private readonly void AddStaged<S, V, D>(double* lanes, float** vectors, long first, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* staged = stackalloc float[StripElements + SumTree.Lanes];
        if (IsWithWhole)
        {
            Subtract<S, V, D>(staged, vectors[0] + first, vectors[1] + first, count);
            Reduction<TReduction>.AddToLanes<S, V, D>(lanes, staged, staged, count);
            lanes += SumTree.Lanes;
        }

        Stage<S, V, D>(staged, vectors[1], first, count);
        Reduction<TReduction>.AddToLanes<S, V, D>(lanes, staged, staged, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<S, V, D>(V difference, ref D lower, ref D upper)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D d0 = S.WidenLower(difference), d1 = S.WidenUpper(difference);
        lower = S.Add(lower, TReduction.Term<S, V, D>(d0, d0));
        upper = S.Add(upper, TReduction.Term<S, V, D>(d1, d1));
    }

    /// <summary>Elements of the difference that count; ranges of one pair of limits after each other.</summary>
    private readonly void Stage<S, V, D>(float* target, float* origin, long first, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        long end = first + count;
        for (long at = first, next; at < end; at = next)
        {
            next = Terms.End(at, end);
            Terms.Stage<S, V, D, float>(target + (at - first), origin, 0, at, (int)(next - at), Terms.LimitsAt(0, at));
        }
    }

    /// <summary>Whole registers: a strip is a multiple of 16 elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Subtract<S, V, D>(float* target, float* x, float* origin, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        for (int i = 0; i < count; i += S.Count) S.Store(target + i, S.Subtract(S.Load(x + i), S.Load(origin + i)));
    }
}
