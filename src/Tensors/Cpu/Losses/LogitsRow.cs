using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Losses;

/// <summary>What losses ask of one row of logits.</summary>
internal static unsafe class LogitsRow
{
    /// <summary>The largest logit; −∞ for an empty row. NaN is passed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest<S, V>(float* logits, int classes)
        where S : struct, ISimd<V>
        where V : struct
    {
        V lowest = S.Create(float.NegativeInfinity), largest = lowest;
        int c = 0;
        for (; c <= classes - S.Count; c += S.Count) largest = S.Max(S.Load(logits + c), largest);
        int left = classes - c;
        if (left > 0) largest = S.Max(S.Select(Lanes.First<S, V>(left), S.LoadPartial(logits + c, left), lowest), largest);
        return S.MaxLane(largest);
    }

    /// <summary>Index of the first logit that equals <paramref name="value"/>; 0 if there is none.</summary>
    public static int IndexOf(float* logits, int classes, float value)
    {
        for (int c = 0; c < classes; c++)
        {
            if (logits[c] == value) return c;
        }

        return 0;
    }

    /// <summary>Σ exp(x − max) and Σ exp(x − max)·(max − x) over a part of a row; no term is negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (double Sum, double Weighted) Exponentials<S, V>(float* logits, int count, float max)
        where S : struct, ISimd<V>
        where V : struct
    {
        V top = S.Create(max), sum = S.Zero, weighted = S.Zero;
        for (int c = 0; c < count; c += S.Count)
        {
            V below = S.Subtract(top, Lanes.Load<S, V>(logits + c, count - c));
            V e = VectorFunctions.Exp<S, V>(S.Negate(below));
            if (count - c < S.Count)
            {
                V mask = Lanes.First<S, V>(count - c);
                e = S.And(mask, e);
                below = S.And(mask, below);
            }

            sum = S.Add(sum, e);
            weighted = S.MultiplyAdd(e, below, weighted);
        }

        return (S.SumDouble(sum), S.SumDouble(weighted));
    }
}
