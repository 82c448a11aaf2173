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
}
