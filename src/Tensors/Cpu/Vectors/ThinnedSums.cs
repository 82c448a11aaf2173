using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Σ of one term of d = x − origin, where that is asked for, and of d where it counts, 0 elsewhere: the vectors are x and its origin. Both are staged in strips that stay in the first-level
/// cache, so that memory is read once and nothing is written.
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
            Terms.Stage<S, V, D>(target + (at - first), origin, 0, at, (int)(next - at));
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
