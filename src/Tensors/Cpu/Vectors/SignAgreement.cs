using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>Counts the elements with enough nonzero values (Compared) and those of them with no two signs (Agreeing).</summary>
internal unsafe struct SignAgreement : IVectorKernel
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
        int compared = 0, disagreeing = 0, n = Count;
        bool singles = CountSingles;
        V zero = S.Zero;
        for (int i = 0; i < count; i += S.Count)
        {
            int lanes = Math.Min(S.Count, count - i);
            V positive = zero, negative = zero, several = zero;
            for (int k = 0; k < n; k++)
            {
                float* p = inputs[k] + start + i;
                V x = lanes == S.Count ? S.Load(p) : S.LoadPartial(p, lanes);
                V above = S.LessThan(zero, x), below = S.LessThan(x, zero);
                several = S.Or(several, S.And(S.Or(positive, negative), S.Or(above, below)));
                positive = S.Or(positive, above);
                negative = S.Or(negative, below);
            }

            compared += S.CountMask(singles ? S.Or(positive, negative) : several);
            disagreeing += S.CountMask(S.And(positive, negative));
        }

        // Two signs need two values, so what disagrees has been compared.
        Interlocked.Add(ref Compared, compared);
        Interlocked.Add(ref Agreeing, compared - disagreeing);
    }
}
