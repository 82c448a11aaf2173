using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>One row of scores and its softmax, in place. Rows are padded to whole vectors; what lies behind the visible keys becomes 0.</summary>
internal static unsafe class SoftmaxRow
{
    /// <summary>
    /// row ← scale·row + bias over the first <paramref name="visible"/> keys, −∞ to the end of their last vector; returns the largest, −∞ where the bias
    /// hides every key. Where a score is NaN the result may be anything but −∞.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Scores<S, V>(float* row, float* bias, int visible, float scale)
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
        return float.IsNegativeInfinity(max) ? SumOfScores<S, V>(row, used) : max;
    }

    /// <summary>row ← exp(row − max), zeros behind the visible keys; returns the sum, 0 (and a row of zeros) where max is −∞.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Exponentials<S, V>(float* row, float max, int visible, int vectors)
        where S : struct, ISimd<V>
        where V : struct
    {
        int used = float.IsNegativeInfinity(max) ? 0 : (visible + S.Count - 1) / S.Count;
        V top = S.Create(max), sums = S.Zero;
        for (int j = 0; j < used; j++)
        {
            V e = VectorFunctions.Exp<S, V>(S.Subtract(S.Load(row + (j * S.Count)), top));
            S.Store(row + (j * S.Count), e);
            sums = S.Add(sums, e);
        }

        for (int j = used; j < vectors; j++) S.Store(row + (j * S.Count), S.Zero);
        return (float)S.SumDouble(sums);
    }

    /// <summary>
    /// Of some rows, one lane for each: sums ← 1/sum and, unless it is null, logSumExp ← largest + ln(sum); 0 and −∞ where a sum is 0. Reads and writes
    /// whole vectors of sums.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Finish<S, V>(float* logSumExp, float* sums, float* largest, int rows)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int t = 0; t < rows; t += S.Count)
        {
            V sum = S.Load(sums + t), isEmpty = S.Equal(sum, S.Zero), inverse = S.Divide(S.Create(1), sum);
            S.Store(sums + t, S.Select(isEmpty, S.Zero, inverse));
            if (logSumExp == null) continue;
            V log = S.Add(S.Load(largest + t), VectorFunctions.Log<S, V>(sum));
            Lanes.Store<S, V>(logSumExp + t, S.Select(isEmpty, S.Create(float.NegativeInfinity), log), rows - t);
        }
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
