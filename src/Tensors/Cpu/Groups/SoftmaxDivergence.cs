using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Groups;

/// <summary>
/// The divergence between the softmax distributions of two rows, a range being rows. Exponentials are made again where they are needed a second time: cheaper than to keep
/// a row of float64. Element c is added to lane c mod 32, as by a warp of a GPU, whatever the vector width.
/// </summary>
internal unsafe struct SoftmaxDivergence : IRangeKernel
{
    private const int Lanes = 2 * SumTree.Lanes;

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
        double* lanes = stackalloc double[Lanes];
        float* padded = stackalloc float[2 * Lanes];
        D floor = S.CreateDouble(Floor), one = S.CreateDouble(1);
        for (long row = start; row < start + count; row++)
        {
            float* x = Values + (row * RowLength), y = Origin + (row * RowLength);
            (D mostX, D sumX) = Softmax<S, V, D>(x, lanes, padded);
            (D mostY, D sumY) = Softmax<S, V, D>(y, lanes, padded);
            new Span<double>(lanes, Lanes).Clear();
            for (long c = 0; c < RowLength; c += Lanes)
            {
                float* a = Group(x, c, padded), b = Group(y, c, padded + Lanes);
                for (int g = 0; g < Lanes; g += S.Count)
                {
                    V v = S.Load(a + g), w = S.Load(b + g);
                    double* at = lanes + g;
                    S.StoreDouble(at, S.Add(S.LoadDouble(at), Term<S, V, D>(S.WidenLower(v), S.WidenLower(w), mostX, sumX, mostY, sumY, floor, one)));
                    at += S.Count / 2;
                    S.StoreDouble(at, S.Add(S.LoadDouble(at), Term<S, V, D>(S.WidenUpper(v), S.WidenUpper(w), mostX, sumX, mostY, sumY, floor, one)));
                }
            }

            Divergences[row] = Sum(lanes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static D Term<S, V, D>(D x, D y, D mostX, D sumX, D mostY, D sumY, D floor, D one)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        D p = S.Divide(DoubleVectorFunctions.Exp<S, V, D>(S.Subtract(x, mostX)), sumX), q = S.Divide(DoubleVectorFunctions.Exp<S, V, D>(S.Subtract(y, mostY)), sumY), raised = S.Add(q, floor);
        D u = S.Divide(S.Subtract(p, q), raised), ratio = S.Add(one, u);
        D far = S.Subtract(S.Multiply(ratio, DoubleVectorFunctions.Log<S, V, D>(ratio)), u);
        // The series where the digits of the logarithm would cancel: Σ (−u)^n / (n (n − 1)).
        D near = S.CreateDouble(1.0 / 72);
        for (int n = 8; n >= 2; n--) near = S.Subtract(S.CreateDouble(1.0 / (n * (n - 1))), S.Multiply(u, near));
        near = S.Multiply(S.Multiply(u, u), near);
        return S.Multiply(raised, S.Select(S.LessThan(S.Abs(u), S.CreateDouble(0.01)), near, far));
    }

    /// <summary>The largest element of a row, and Σ exp(x − largest).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly (D Most, D Sum) Softmax<S, V, D>(float* x, double* lanes, float* padded)
        where S : struct, ISimd<V>, ISimdDouble<V, D>
        where V : struct
        where D : struct
    {
        float largest = float.NegativeInfinity;
        for (long c = 0; c < RowLength; c++) largest = Math.Max(largest, x[c]);
        D most = S.CreateDouble(largest);
        new Span<double>(lanes, Lanes).Clear();
        for (long c = 0; c < RowLength; c += Lanes)
        {
            float* a = Group(x, c, padded);
            for (int g = 0; g < Lanes; g += S.Count)
            {
                V v = S.Load(a + g);
                double* at = lanes + g;
                S.StoreDouble(at, S.Add(S.LoadDouble(at), DoubleVectorFunctions.Exp<S, V, D>(S.Subtract(S.WidenLower(v), most))));
                at += S.Count / 2;
                S.StoreDouble(at, S.Add(S.LoadDouble(at), DoubleVectorFunctions.Exp<S, V, D>(S.Subtract(S.WidenUpper(v), most))));
            }
        }

        return (most, S.CreateDouble(Sum(lanes)));
    }

    /// <summary>As many elements of a row as there are lanes; behind its end −∞, whose probability is 0 on both sides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly float* Group(float* row, long column, float* padded)
    {
        if (column + Lanes <= RowLength) return row + column;
        for (int i = 0; i < Lanes; i++) padded[i] = column + i < RowLength ? row[column + i] : float.NegativeInfinity;
        return padded;
    }

    /// <summary>The lanes halved five times.</summary>
    private static double Sum(double* lanes)
    {
        for (int i = 0; i < SumTree.Lanes; i++) lanes[i] += lanes[i + SumTree.Lanes];
        return SumTree.Halve(lanes);
    }
}
