using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>The softmax of one query of as many heads as a vector has lanes, in place; element s of a row is a vector. What lies behind the visible keys becomes 0.</summary>
internal static unsafe class LaneSoftmax<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>row ← softmax(scale·row + bias), logSum ← the logarithm of the sum of exponentials; 0 and −∞ in lanes where the bias hides every key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(float* row, float* logSum, float* bias, int visible, int tokens, float scale)
    {
        V factor = S.Create(scale), lowest = S.Create(float.NegativeInfinity), largest = lowest;
        for (int s = 0; s < visible; s++)
        {
            V score = S.MultiplyAdd(S.Load(row + (s * S.Count)), factor, S.Load(bias + (s * S.Count)));
            S.Store(row + (s * S.Count), score);
            largest = S.Max(largest, score);
        }

        // A NaN may be passed over here; its exponential is not.
        V top = S.Select(S.Equal(largest, lowest), S.Zero, largest), sum = S.Zero;
        for (int s = 0; s < visible; s++)
        {
            V e = VectorFunctions.Exp<S, V>(S.Subtract(S.Load(row + (s * S.Count)), top));
            S.Store(row + (s * S.Count), e);
            sum = S.Add(sum, e);
        }

        V isEmpty = S.Equal(sum, S.Zero), inverse = S.Select(isEmpty, S.Zero, S.Divide(S.Create(1), sum));
        for (int s = 0; s < visible; s++) S.Store(row + (s * S.Count), S.Multiply(S.Load(row + (s * S.Count)), inverse));
        for (int s = visible; s < tokens; s++) S.Store(row + (s * S.Count), S.Zero);
        S.Store(logSum, S.Select(isEmpty, lowest, S.Add(top, VectorFunctions.Log<S, V>(sum))));
    }

    /// <summary>
    /// row ← p = exp(scale·row + bias − logSum), the probabilities of the forward pass again; gradient ← p ⊙ (gradient − Σ p·gradient)·scale, from the gradient of
    /// probabilities to that of unscaled scores.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(float* row, float* gradient, float* logSum, float* bias, int visible, int tokens, float scale)
    {
        V factor = S.Create(scale), top = S.Load(logSum), isEmpty = S.Equal(top, S.Create(float.NegativeInfinity)), delta = S.Zero;
        top = S.Select(isEmpty, S.Zero, top);
        for (int s = 0; s < visible; s++)
        {
            V score = S.MultiplyAdd(S.Load(row + (s * S.Count)), factor, S.Load(bias + (s * S.Count)));
            V p = S.Select(isEmpty, S.Zero, VectorFunctions.Exp<S, V>(S.Subtract(score, top)));
            S.Store(row + (s * S.Count), p);
            delta = S.MultiplyAdd(p, S.Load(gradient + (s * S.Count)), delta);
        }

        for (int s = 0; s < visible; s++)
        {
            float* target = gradient + (s * S.Count);
            S.Store(target, S.Multiply(S.Multiply(S.Load(row + (s * S.Count)), factor), S.Subtract(S.Load(target), delta)));
        }

        for (int s = visible; s < tokens; s++)
        {
            S.Store(row + (s * S.Count), S.Zero);
            S.Store(gradient + (s * S.Count), S.Zero);
        }
    }
}
