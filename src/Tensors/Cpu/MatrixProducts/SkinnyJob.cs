using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// A·Bᵀ for very few rows of A: dot products along the rows of both, so that B, the weights, is read once and never copied. A lane sums every Count-th
/// term in order, then the lanes are added in halves, for any number of rows. One task is one panel of columns.
/// </summary>
internal unsafe struct SkinnyJob<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>More rows than this are multiplied panel by panel.</summary>
    public const int MaxRows = 4;

    public ProductArguments Product;

    public static bool Serves(in ProductArguments product) => product.M <= MaxRows && !product.TransposeA && product.TransposeB;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        int width = MicroKernel<S, V>.Columns, column = task * width, columns = Math.Min(width, Product.N - column);
        float* tile = stackalloc float[MaxRows * width];
        int done = Product.M == 1 ? Single(tile, column, columns) : Together(tile, column, columns);
        for (int row = 0; row < Product.M; row++)
        {
            float* a = Product.A + row * Product.StrideA, sums = tile + row * width;
            for (int rest = done; rest < columns; rest++)
                sums[rest] = Dot(a, Product.B + (column + rest) * Product.StrideB, Product.K);
            new Span<float>(sums + columns, width - columns).Clear();
        }
        TileFinish<S, V>.Apply(Product, tile, new OutputPart(0, Product.M, column, columns), SumBlock.Whole(Product.K));
    }

    /// <summary>Eight columns at a time; returns how many are done.</summary>
    private readonly int Single(float* tile, int column, int columns)
    {
        int done = 0;
        for (; done + 8 <= columns; done += 8)
            Dot8(Product.A, Product.B + (column + done) * Product.StrideB, Product.StrideB, Product.K, tile + done);
        return done;
    }

    /// <summary>Four columns at a time for two rows, or for four where there are registers for their sums, so that memory is read evenly; returns how many are done.</summary>
    private readonly int Together(float* tile, int column, int columns)
    {
        int width = MicroKernel<S, V>.Columns, done = 0, k = Product.K;
        nint strideA = Product.StrideA, strideB = Product.StrideB;
        float* unused = stackalloc float[4];
        for (; done + 4 <= columns; done += 4)
        {
            float* b = Product.B + (column + done) * strideB, sums = tile + done;
            if (S.Count == 16 && Product.M > 2)
            {
                // A fourth row that does not exist is the third again.
                bool hasFourth = Product.M > 3;
                float* a2 = Product.A + 2 * strideA, s2 = sums + 2 * width;
                Dot4x4(Product.A, strideA, a2, hasFourth ? a2 + strideA : a2, b, strideB, k, sums, width, s2, hasFourth ? s2 + width : unused);
                continue;
            }
            for (int row = 0; row < Product.M; row += 2)
            {
                bool hasSecond = row + 1 < Product.M;
                float* a = Product.A + row * strideA, s = sums + row * width;
                Dot2x4(a, hasSecond ? a + strideA : a, b, strideB, k, s, hasSecond ? s + width : unused);
            }
        }
        return done;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot(float* a, float* b, int k)
    {
        V sum = S.Zero;
        int p = 0;
        for (; p + S.Count <= k; p += S.Count)
            sum = S.MultiplyAdd(S.Load(a + p), S.Load(b + p), sum);
        if (p < k)
            sum = S.MultiplyAdd(S.LoadPartial(a + p, k - p), S.LoadPartial(b + p, k - p), sum);
        return S.Sum(sum);
    }

    /// <summary>Eight rows of B at a time: eight chains keep the multipliers busy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot8(float* a, float* b, nint stride, int k, float* sums)
    {
        float* b3 = b + 3 * stride, b6 = b + 6 * stride;
        nint twice = 2 * stride;
        var first = FourSums<S, V>.Zero;
        var second = FourSums<S, V>.Zero;
        int p = 0;
        for (; p + S.Count <= k; p += S.Count)
        {
            V x = S.Load(a + p);
            first.Add(x, S.Load(b + p), S.Load(b + stride + p), S.Load(b + twice + p), S.Load(b3 + p));
            second.Add(x, S.Load(b3 + stride + p), S.Load(b3 + twice + p), S.Load(b6 + p), S.Load(b6 + stride + p));
        }
        if (p < k)
        {
            int rest = k - p;
            V x = S.LoadPartial(a + p, rest);
            first.Add(x, S.LoadPartial(b + p, rest), S.LoadPartial(b + stride + p, rest), S.LoadPartial(b + twice + p, rest), S.LoadPartial(b3 + p, rest));
            second.Add(x, S.LoadPartial(b3 + stride + p, rest), S.LoadPartial(b3 + twice + p, rest), S.LoadPartial(b6 + p, rest), S.LoadPartial(b6 + stride + p, rest));
        }
        first.Store(sums);
        second.Store(sums + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot2x4(float* a0, float* a1, float* b, nint stride, int k, float* sums0, float* sums1)
    {
        nint twice = 2 * stride;
        float* b3 = b + 3 * stride;
        var row0 = FourSums<S, V>.Zero;
        var row1 = FourSums<S, V>.Zero;
        int p = 0;
        for (; p + S.Count <= k; p += S.Count)
        {
            PrefetchFour(b + 4 * (stride + p));
            V y0 = S.Load(b + p), y1 = S.Load(b + stride + p), y2 = S.Load(b + twice + p), y3 = S.Load(b3 + p);
            row0.Add(S.Load(a0 + p), y0, y1, y2, y3);
            row1.Add(S.Load(a1 + p), y0, y1, y2, y3);
        }
        if (p < k)
        {
            int rest = k - p;
            V y0 = S.LoadPartial(b + p, rest), y1 = S.LoadPartial(b + stride + p, rest), y2 = S.LoadPartial(b + twice + p, rest), y3 = S.LoadPartial(b3 + p, rest);
            row0.Add(S.LoadPartial(a0 + p, rest), y0, y1, y2, y3);
            row1.Add(S.LoadPartial(a1 + p, rest), y0, y1, y2, y3);
        }
        row0.Store(sums0);
        row1.Store(sums1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot4x4(float* a0, nint strideA, float* a2, float* a3, float* b, nint stride, int k, float* sums0, int width, float* sums2, float* sums3)
    {
        nint twice = 2 * stride;
        float* a1 = a0 + strideA, b3 = b + 3 * stride;
        var row0 = FourSums<S, V>.Zero;
        var row1 = FourSums<S, V>.Zero;
        var row2 = FourSums<S, V>.Zero;
        var row3 = FourSums<S, V>.Zero;
        int p = 0;
        for (; p + S.Count <= k; p += S.Count)
        {
            PrefetchFour(b + 4 * (stride + p));
            V y0 = S.Load(b + p), y1 = S.Load(b + stride + p), y2 = S.Load(b + twice + p), y3 = S.Load(b3 + p);
            row0.Add(S.Load(a0 + p), y0, y1, y2, y3);
            row1.Add(S.Load(a1 + p), y0, y1, y2, y3);
            row2.Add(S.Load(a2 + p), y0, y1, y2, y3);
            row3.Add(S.Load(a3 + p), y0, y1, y2, y3);
        }
        if (p < k)
        {
            int rest = k - p;
            V y0 = S.LoadPartial(b + p, rest), y1 = S.LoadPartial(b + stride + p, rest), y2 = S.LoadPartial(b + twice + p, rest), y3 = S.LoadPartial(b3 + p, rest);
            row0.Add(S.LoadPartial(a0 + p, rest), y0, y1, y2, y3);
            row1.Add(S.LoadPartial(a1 + p, rest), y0, y1, y2, y3);
            row2.Add(S.LoadPartial(a2 + p, rest), y0, y1, y2, y3);
            row3.Add(S.LoadPartial(a3 + p, rest), y0, y1, y2, y3);
        }
        row0.Store(sums0);
        row1.Store(sums0 + width);
        row2.Store(sums2);
        row3.Store(sums3);
    }

    /// <summary>As much of the next four rows of B, which follow these where they have no gaps, as a step reads of these.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchFour(float* ahead)
    {
        S.Prefetch(ahead);
        S.Prefetch(ahead + S.Count);
        S.Prefetch(ahead + 2 * S.Count);
        S.Prefetch(ahead + 3 * S.Count);
    }
}
