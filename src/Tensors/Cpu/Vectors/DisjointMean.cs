using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// output[i] ← mean of those v̂_k[i] that have the sign of Σ_k v̂_k[i]; 0 where there are none. The second look at the vectors finds them in
/// the first cache, so memory is read once. The output may be one of the vectors.
/// </summary>
internal unsafe struct DisjointMean : IVectorKernel
{
    public float* Output;
    public TrimmedVectors Trimmed;

    /// <summary>The sign where the sum has none.</summary>
    public int UndecidedSign;

    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float* limits = stackalloc float[Trimmed.Count];
        long end = start + count;
        for (long next; start < end; start = next)
        {
            next = Trimmed.End(start, end);
            Trimmed.Limits(start, limits);
            Mean<S, V, D>(Output, Trimmed.Vectors, limits, Trimmed.Count, UndecidedSign > 0, start, (int)(next - start));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mean<S, V, D>(float* output, float** vectors, float* limits, int n, bool undecidedIsPositive, long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D zero = S.CreateDouble(0), minus = S.CreateDouble(-0.0);
        D one = S.CreateDouble(1);
        for (int i = 0; i < count; i += S.Count)
        {
            int lanes = Math.Min(S.Count, count - i);
            D lower = zero, upper = zero;
            for (int k = 0; k < n; k++)
            {
                V v = TrimmedVectors.Load<S, V>(vectors[k] + start + i, limits[k], lanes);
                lower = S.Add(lower, S.WidenLower(v));
                upper = S.Add(upper, S.WidenUpper(v));
            }

            // A sign bit where the elected sign is −: added to a value, it makes the elected ones positive.
            D flipLower = undecidedIsPositive ? S.And(S.LessThan(lower, zero), minus) : S.Select(S.LessThan(zero, lower), zero, minus);
            D flipUpper = undecidedIsPositive ? S.And(S.LessThan(upper, zero), minus) : S.Select(S.LessThan(zero, upper), zero, minus);
            D countLower = zero, countUpper = zero;
            lower = upper = zero;
            for (int k = 0; k < n; k++)
            {
                V v = TrimmedVectors.Load<S, V>(vectors[k] + start + i, limits[k], lanes);
                D x = S.WidenLower(v), y = S.WidenUpper(v);
                D electedX = S.LessThan(zero, S.Xor(x, flipLower)), electedY = S.LessThan(zero, S.Xor(y, flipUpper));
                lower = S.Add(lower, S.And(electedX, x));
                upper = S.Add(upper, S.And(electedY, y));
                countLower = S.Add(countLower, S.And(electedX, one));
                countUpper = S.Add(countUpper, S.And(electedY, one));
            }

            lower = S.And(S.LessThan(zero, countLower), S.Divide(lower, countLower));
            upper = S.And(S.LessThan(zero, countUpper), S.Divide(upper, countUpper));
            V mean = S.Narrow(lower, upper);
            if (lanes == S.Count)
                S.Store(output + start + i, mean);
            else
                S.StorePartial(output + start + i, mean, lanes);
        }
    }
}
