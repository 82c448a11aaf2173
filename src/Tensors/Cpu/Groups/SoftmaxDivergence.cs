using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Groups;

/// <summary>
/// The divergence between the softmax distributions of two rows, a range being rows. Exponentials are made again where they are needed a second time: cheaper than to keep
/// a row of float64. Element c is added to lane c mod 16 whatever the vector width.
/// </summary>
internal unsafe struct SoftmaxDivergence : IRangeKernel
{
    public float* Values;
    public float* Origin;
    public long RowLength;
    public double Floor;
    public double* Divergences;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Run<S, V, D>(long start, int count)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        double* lanes = stackalloc double[SumTree.Lanes];
        float* padded = stackalloc float[2 * SumTree.Lanes];
        D floor = S.CreateDouble(Floor), one = S.CreateDouble(1);
        for (long row = start; row < start + count; row++)
        {
            float* x = Values + (row * RowLength), y = Origin + (row * RowLength);
            (D mostX, D sumX) = Softmax<S, V, D>(x, lanes, padded);
            (D mostY, D sumY) = Softmax<S, V, D>(y, lanes, padded);
            new Span<double>(lanes, SumTree.Lanes).Clear();
            for (long c = 0; c < RowLength; c += SumTree.Lanes)
            {
                float* a = Sixteen(x, c, padded), b = Sixteen(y, c, padded + SumTree.Lanes);
                for (int g = 0; g < SumTree.Lanes; g += S.Count)
                {
                    V v = S.Load(a + g), w = S.Load(b + g);
                    double* at = lanes + g;
                    S.StoreDouble(at, S.Add(S.LoadDouble(at), Term<S, V, D>(S.WidenLower(v), S.WidenLower(w), mostX, sumX, mostY, sumY, floor, one)));
                    at += S.Count / 2;
                    S.StoreDouble(at, S.Add(S.LoadDouble(at), Term<S, V, D>(S.WidenUpper(v), S.WidenUpper(w), mostX, sumX, mostY, sumY, floor, one)));
                }
            }

            Divergences[row] = SumTree.Halve(lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Term<S, V, D>(D x, D y, D mostX, D sumX, D mostY, D sumY, D floor, D one)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D p = S.Divide(Exponential(S.Subtract(x, mostX)), sumX), q = S.Divide(Exponential(S.Subtract(y, mostY)), sumY), raised = S.Add(q, floor);
        D u = S.Divide(S.Subtract(p, q), raised), ratio = S.Add(one, u);
        D far = S.Subtract(S.Multiply(ratio, Logarithm(ratio)), u);
        // The series where the digits of the logarithm would cancel: Σ (−u)^n / (n (n − 1)).
        D near = S.CreateDouble(1.0 / 72);
        for (int n = 8; n >= 2; n--) near = S.Subtract(S.CreateDouble(1.0 / (n * (n - 1))), S.Multiply(u, near));
        near = S.Multiply(S.Multiply(u, u), near);
        return S.Multiply(raised, S.Select(S.LessThan(S.Abs(u), S.CreateDouble(0.01)), near, far));
    }

    /// <summary>The largest element of a row, and Σ exp(x − largest).</summary>
    private readonly (D Most, D Sum) Softmax<S, V, D>(float* x, double* lanes, float* padded)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float largest = float.NegativeInfinity;
        for (long c = 0; c < RowLength; c++) largest = Math.Max(largest, x[c]);
        D most = S.CreateDouble(largest);
        new Span<double>(lanes, SumTree.Lanes).Clear();
        for (long c = 0; c < RowLength; c += SumTree.Lanes)
        {
            float* a = Sixteen(x, c, padded);
            for (int g = 0; g < SumTree.Lanes; g += S.Count)
            {
                V v = S.Load(a + g);
                double* at = lanes + g;
                S.StoreDouble(at, S.Add(S.LoadDouble(at), Exponential(S.Subtract(S.WidenLower(v), most))));
                at += S.Count / 2;
                S.StoreDouble(at, S.Add(S.LoadDouble(at), Exponential(S.Subtract(S.WidenUpper(v), most))));
            }
        }

        return (most, S.CreateDouble(SumTree.Halve(lanes)));
    }

    /// <summary>16 elements of a row; behind its end −∞, whose probability is 0 on both sides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float* Sixteen(float* row, long column, float* padded)
    {
        if (column + SumTree.Lanes <= RowLength) return row + column;
        for (int i = 0; i < SumTree.Lanes; i++) padded[i] = column + i < RowLength ? row[column + i] : float.NegativeInfinity;
        return padded;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Exponential<D>(D x)
        where D : struct
    {
        if (typeof(D) == typeof(Vector512<double>)) return (D)(object)Vector512.Exp((Vector512<double>)(object)x);
        if (typeof(D) == typeof(Vector256<double>)) return (D)(object)Vector256.Exp((Vector256<double>)(object)x);
        return (D)(object)Vector128.Exp((Vector128<double>)(object)x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Logarithm<D>(D x)
        where D : struct
    {
        if (typeof(D) == typeof(Vector512<double>)) return (D)(object)Vector512.Log((Vector512<double>)(object)x);
        if (typeof(D) == typeof(Vector256<double>)) return (D)(object)Vector256.Log((Vector256<double>)(object)x);
        return (D)(object)Vector128.Log((Vector128<double>)(object)x);
    }
}
