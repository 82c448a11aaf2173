using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Counts the elements with enough nonzero values (Compared) and those of them with no two signs (Agreeing).</summary>
internal unsafe struct SignAgreement : IRangeKernel
{
    public float** Inputs;
    public int Count;

    /// <summary>One nonzero value is enough; two are needed otherwise.</summary>
    public bool CountSingles;
    public long Agreeing;
    public long Compared;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float** inputs = Inputs;
        int compared = 0, disagreeing = 0, n = Count, i = 0, width = S.Count;
        bool singles = CountSingles;
        for (; i <= count - (4 * width); i += 4 * width)
        {
            V p0 = S.Zero, n0 = S.Zero, m0 = S.Zero, p1 = S.Zero, n1 = S.Zero, m1 = S.Zero;
            V p2 = S.Zero, n2 = S.Zero, m2 = S.Zero, p3 = S.Zero, n3 = S.Zero, m3 = S.Zero;
            for (int k = 0; k < n; k++)
            {
                float* x = inputs[k] + start + i;
                S.Prefetch(x + Ranges.Ahead);
                S.Prefetch(x + Ranges.Ahead + width);
                S.Prefetch(x + Ranges.Ahead + (2 * width));
                S.Prefetch(x + Ranges.Ahead + (3 * width));
                Look<S, V>(S.Load(x), ref p0, ref n0, ref m0);
                Look<S, V>(S.Load(x + width), ref p1, ref n1, ref m1);
                Look<S, V>(S.Load(x + (2 * width)), ref p2, ref n2, ref m2);
                Look<S, V>(S.Load(x + (3 * width)), ref p3, ref n3, ref m3);
            }

            compared += S.CountMask(singles ? S.Or(p0, n0) : m0) + S.CountMask(singles ? S.Or(p1, n1) : m1);
            compared += S.CountMask(singles ? S.Or(p2, n2) : m2) + S.CountMask(singles ? S.Or(p3, n3) : m3);
            disagreeing += S.CountMask(S.And(p0, n0)) + S.CountMask(S.And(p1, n1)) + S.CountMask(S.And(p2, n2)) + S.CountMask(S.And(p3, n3));
        }

        for (; i < count; i += width)
        {
            V positive = S.Zero, negative = S.Zero, several = S.Zero;
            for (int k = 0; k < n; k++) Look<S, V>(S.LoadPartial(inputs[k] + start + i, Math.Min(width, count - i)), ref positive, ref negative, ref several);
            compared += S.CountMask(singles ? S.Or(positive, negative) : several);
            disagreeing += S.CountMask(S.And(positive, negative));
        }

        // Two signs need two values, so what disagrees has been compared.
        Interlocked.Add(ref Compared, compared);
        Interlocked.Add(ref Agreeing, compared - disagreeing);
    }

    /// <summary>Notes one more value for each lane: seen a positive one, a negative one, more than one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Look<S, V>(V x, ref V positive, ref V negative, ref V several)
        where S : struct, ISimd<V>
        where V : struct
    {
        V above = S.LessThan(S.Zero, x), below = S.LessThan(x, S.Zero);
        several = S.Or(several, S.And(S.Or(positive, negative), S.Or(above, below)));
        positive = S.Or(positive, above);
        negative = S.Or(negative, below);
    }
}
