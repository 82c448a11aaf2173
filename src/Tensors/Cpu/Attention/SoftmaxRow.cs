using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>One row of scores and its softmax, in place. Rows are padded to whole vectors; what lies behind the visible keys becomes 0.</summary>
internal static unsafe class SoftmaxRow
{
    /// <summary>
    /// row ← softmax(scale·row + bias) over the first <paramref name="visible"/> keys; returns the logarithm of the sum of exponentials, −∞ (and
    /// a row of zeros) where the bias hides every key.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Forward<S, V>(float* row, float* bias, int visible, int vectors, float scale)
        where S : struct, ISimd<V>
        where V : struct
    {
        V factor = S.Create(scale), largest = S.Create(float.NegativeInfinity);
        int whole = visible / S.Count, used = (visible + S.Count - 1) / S.Count;
        for (int j = 0; j < used; j++)
        {
            V score = Score<S, V>(row, bias, j, whole, visible, factor);
            S.Store(row + (j * S.Count), score);
            largest = S.Max(largest, score);
        }

        float max = S.MaxLane(largest);
        // A maximum passes over a NaN that comes before a hidden key; a sum does not.
        if (float.IsNegativeInfinity(max)) max = SumOfScores<S, V>(row, used);
        if (float.IsNegativeInfinity(max))
        {
            Lanes.Clear<S, V>(row, vectors * S.Count);
            return max;
        }

        V top = S.Create(max), sums = S.Zero;
        for (int j = 0; j < used; j++)
        {
            V e = VectorFunctions.Exp<S, V>(S.Subtract(S.Load(row + (j * S.Count)), top));
            S.Store(row + (j * S.Count), e);
            sums = S.Add(sums, e);
        }

        double sum = S.SumDouble(sums);
        V inverse = S.Create((float)(1 / sum));
        for (int j = 0; j < used; j++) S.Store(row + (j * S.Count), S.Multiply(S.Load(row + (j * S.Count)), inverse));
        for (int j = used; j < vectors; j++) S.Store(row + (j * S.Count), S.Zero);
        return (float)(max + Math.Log(sum));
    }

    /// <summary>row ← exp(scale·row + bias − logSumExp): the probabilities of the forward pass again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Again<S, V>(float* row, float* bias, int visible, int vectors, float scale, float logSumExp)
        where S : struct, ISimd<V>
        where V : struct
    {
        int whole = visible / S.Count, used = float.IsNegativeInfinity(logSumExp) ? 0 : (visible + S.Count - 1) / S.Count;
        V factor = S.Create(scale), top = S.Create(logSumExp);
        for (int j = 0; j < used; j++)
        {
            V score = Score<S, V>(row, bias, j, whole, visible, factor);
            S.Store(row + (j * S.Count), VectorFunctions.Exp<S, V>(S.Subtract(score, top)));
        }

        for (int j = used; j < vectors; j++) S.Store(row + (j * S.Count), S.Zero);
    }

    /// <summary>gradient ← row ⊙ (gradient − delta)·scale: from the gradient of probabilities to that of unscaled scores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward<S, V>(float* gradient, float* row, int vectors, float delta, float scale)
        where S : struct, ISimd<V>
        where V : struct
    {
        V centre = S.Create(delta), factor = S.Create(scale);
        for (int j = 0; j < vectors; j++)
        {
            float* target = gradient + (j * S.Count);
            S.Store(target, S.Multiply(S.Multiply(S.Load(row + (j * S.Count)), factor), S.Subtract(S.Load(target), centre)));
        }
    }

    /// <summary>−∞ where every score is, NaN where one is NaN.</summary>
    private static float SumOfScores<S, V>(float* row, int used)
        where S : struct, ISimd<V>
        where V : struct
    {
        V sum = S.Create(float.NegativeInfinity);
        for (int j = 0; j < used; j++) sum = S.Add(sum, S.Load(row + (j * S.Count)));
        return S.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Score<S, V>(float* row, float* bias, int j, int whole, int visible, V factor)
        where S : struct, ISimd<V>
        where V : struct
    {
        V score = S.MultiplyAdd(S.Load(row + (j * S.Count)), factor, S.Load(bias + (j * S.Count)));
        return j < whole ? score : S.Select(Lanes.First<S, V>(visible - (j * S.Count)), score, S.Create(float.NegativeInfinity));
    }
}
