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
    private static void Dot8(float* a, float* b, nint stride, int k, float* sums)
    {
        float* b3 = b + 3 * stride, b6 = b + 6 * stride;
        nint twice = 2 * stride;
        V s0 = S.Zero, s1 = S.Zero, s2 = S.Zero, s3 = S.Zero, s4 = S.Zero, s5 = S.Zero, s6 = S.Zero, s7 = S.Zero;
        int p = 0;
        for (; p + S.Count <= k; p += S.Count)
        {
            V x = S.Load(a + p);
            s0 = S.MultiplyAdd(x, S.Load(b + p), s0);
            s1 = S.MultiplyAdd(x, S.Load(b + stride + p), s1);
            s2 = S.MultiplyAdd(x, S.Load(b + twice + p), s2);
            s3 = S.MultiplyAdd(x, S.Load(b3 + p), s3);
            s4 = S.MultiplyAdd(x, S.Load(b3 + stride + p), s4);
            s5 = S.MultiplyAdd(x, S.Load(b3 + twice + p), s5);
            s6 = S.MultiplyAdd(x, S.Load(b6 + p), s6);
            s7 = S.MultiplyAdd(x, S.Load(b6 + stride + p), s7);
        }
        if (p < k)
        {
            int rest = k - p;
            V x = S.LoadPartial(a + p, rest);
            s0 = S.MultiplyAdd(x, S.LoadPartial(b + p, rest), s0);
            s1 = S.MultiplyAdd(x, S.LoadPartial(b + stride + p, rest), s1);
            s2 = S.MultiplyAdd(x, S.LoadPartial(b + twice + p, rest), s2);
            s3 = S.MultiplyAdd(x, S.LoadPartial(b3 + p, rest), s3);
            s4 = S.MultiplyAdd(x, S.LoadPartial(b3 + stride + p, rest), s4);
            s5 = S.MultiplyAdd(x, S.LoadPartial(b3 + twice + p, rest), s5);
            s6 = S.MultiplyAdd(x, S.LoadPartial(b6 + p, rest), s6);
            s7 = S.MultiplyAdd(x, S.LoadPartial(b6 + stride + p, rest), s7);
        }
        sums[0] = S.Sum(s0);
        sums[1] = S.Sum(s1);
        sums[2] = S.Sum(s2);
        sums[3] = S.Sum(s3);
        sums[4] = S.Sum(s4);
        sums[5] = S.Sum(s5);
        sums[6] = S.Sum(s6);
        sums[7] = S.Sum(s7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot2x4(float* a0, float* a1, float* b, nint stride, int k, float* sums0, float* sums1)
    {
        nint twice = 2 * stride;
        float* b3 = b + 3 * stride;
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero, s03 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero, s12 = S.Zero, s13 = S.Zero;
        int p = 0;
        for (; p + S.Count <= k; p += S.Count)
        {
            // As much of the next four rows of B, which follow these where they have no gaps.
            float* ahead = b + 4 * (stride + p);
            S.Prefetch(ahead);
            S.Prefetch(ahead + S.Count);
            S.Prefetch(ahead + 2 * S.Count);
            S.Prefetch(ahead + 3 * S.Count);
            V y0 = S.Load(b + p), y1 = S.Load(b + stride + p), y2 = S.Load(b + twice + p), y3 = S.Load(b3 + p);
            V x = S.Load(a0 + p);
            s00 = S.MultiplyAdd(x, y0, s00);
            s01 = S.MultiplyAdd(x, y1, s01);
            s02 = S.MultiplyAdd(x, y2, s02);
            s03 = S.MultiplyAdd(x, y3, s03);
            x = S.Load(a1 + p);
            s10 = S.MultiplyAdd(x, y0, s10);
            s11 = S.MultiplyAdd(x, y1, s11);
            s12 = S.MultiplyAdd(x, y2, s12);
            s13 = S.MultiplyAdd(x, y3, s13);
        }
        if (p < k)
        {
            int rest = k - p;
            V y0 = S.LoadPartial(b + p, rest), y1 = S.LoadPartial(b + stride + p, rest), y2 = S.LoadPartial(b + twice + p, rest), y3 = S.LoadPartial(b3 + p, rest);
            V x = S.LoadPartial(a0 + p, rest);
            s00 = S.MultiplyAdd(x, y0, s00);
            s01 = S.MultiplyAdd(x, y1, s01);
            s02 = S.MultiplyAdd(x, y2, s02);
            s03 = S.MultiplyAdd(x, y3, s03);
            x = S.LoadPartial(a1 + p, rest);
            s10 = S.MultiplyAdd(x, y0, s10);
            s11 = S.MultiplyAdd(x, y1, s11);
            s12 = S.MultiplyAdd(x, y2, s12);
            s13 = S.MultiplyAdd(x, y3, s13);
        }
        sums0[0] = S.Sum(s00);
        sums0[1] = S.Sum(s01);
        sums0[2] = S.Sum(s02);
        sums0[3] = S.Sum(s03);
        sums1[0] = S.Sum(s10);
        sums1[1] = S.Sum(s11);
        sums1[2] = S.Sum(s12);
        sums1[3] = S.Sum(s13);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dot4x4(float* a0, nint strideA, float* a2, float* a3, float* b, nint stride, int k, float* sums0, int width, float* sums2, float* sums3)
    {
        nint twice = 2 * stride;
        float* a1 = a0 + strideA, sums1 = sums0 + width, b3 = b + 3 * stride;
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero, s03 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero, s12 = S.Zero, s13 = S.Zero;
        V s20 = S.Zero, s21 = S.Zero, s22 = S.Zero, s23 = S.Zero;
        V s30 = S.Zero, s31 = S.Zero, s32 = S.Zero, s33 = S.Zero;
        int p = 0;
        for (; p + S.Count <= k; p += S.Count)
        {
            // As much of the next four rows of B, which follow these where they have no gaps.
            float* ahead = b + 4 * (stride + p);
            S.Prefetch(ahead);
            S.Prefetch(ahead + S.Count);
            S.Prefetch(ahead + 2 * S.Count);
            S.Prefetch(ahead + 3 * S.Count);
            V y0 = S.Load(b + p), y1 = S.Load(b + stride + p), y2 = S.Load(b + twice + p), y3 = S.Load(b3 + p);
            V x = S.Load(a0 + p);
            s00 = S.MultiplyAdd(x, y0, s00);
            s01 = S.MultiplyAdd(x, y1, s01);
            s02 = S.MultiplyAdd(x, y2, s02);
            s03 = S.MultiplyAdd(x, y3, s03);
            x = S.Load(a1 + p);
            s10 = S.MultiplyAdd(x, y0, s10);
            s11 = S.MultiplyAdd(x, y1, s11);
            s12 = S.MultiplyAdd(x, y2, s12);
            s13 = S.MultiplyAdd(x, y3, s13);
            x = S.Load(a2 + p);
            s20 = S.MultiplyAdd(x, y0, s20);
            s21 = S.MultiplyAdd(x, y1, s21);
            s22 = S.MultiplyAdd(x, y2, s22);
            s23 = S.MultiplyAdd(x, y3, s23);
            x = S.Load(a3 + p);
            s30 = S.MultiplyAdd(x, y0, s30);
            s31 = S.MultiplyAdd(x, y1, s31);
            s32 = S.MultiplyAdd(x, y2, s32);
            s33 = S.MultiplyAdd(x, y3, s33);
        }
        if (p < k)
        {
            int rest = k - p;
            V y0 = S.LoadPartial(b + p, rest), y1 = S.LoadPartial(b + stride + p, rest), y2 = S.LoadPartial(b + twice + p, rest), y3 = S.LoadPartial(b3 + p, rest);
            V x = S.LoadPartial(a0 + p, rest);
            s00 = S.MultiplyAdd(x, y0, s00);
            s01 = S.MultiplyAdd(x, y1, s01);
            s02 = S.MultiplyAdd(x, y2, s02);
            s03 = S.MultiplyAdd(x, y3, s03);
            x = S.LoadPartial(a1 + p, rest);
            s10 = S.MultiplyAdd(x, y0, s10);
            s11 = S.MultiplyAdd(x, y1, s11);
            s12 = S.MultiplyAdd(x, y2, s12);
            s13 = S.MultiplyAdd(x, y3, s13);
            x = S.LoadPartial(a2 + p, rest);
            s20 = S.MultiplyAdd(x, y0, s20);
            s21 = S.MultiplyAdd(x, y1, s21);
            s22 = S.MultiplyAdd(x, y2, s22);
            s23 = S.MultiplyAdd(x, y3, s23);
            x = S.LoadPartial(a3 + p, rest);
            s30 = S.MultiplyAdd(x, y0, s30);
            s31 = S.MultiplyAdd(x, y1, s31);
            s32 = S.MultiplyAdd(x, y2, s32);
            s33 = S.MultiplyAdd(x, y3, s33);
        }
        sums0[0] = S.Sum(s00);
        sums0[1] = S.Sum(s01);
        sums0[2] = S.Sum(s02);
        sums0[3] = S.Sum(s03);
        sums1[0] = S.Sum(s10);
        sums1[1] = S.Sum(s11);
        sums1[2] = S.Sum(s12);
        sums1[3] = S.Sum(s13);
        sums2[0] = S.Sum(s20);
        sums2[1] = S.Sum(s21);
        sums2[2] = S.Sum(s22);
        sums2[3] = S.Sum(s23);
        sums3[0] = S.Sum(s30);
        sums3[1] = S.Sum(s31);
        sums3[2] = S.Sum(s32);
        sums3[3] = S.Sum(s33);
    }
}
