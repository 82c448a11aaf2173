using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// A·Bᵀ for very few rows of A: dot products along the rows of both, so that B, the weights, is read once and never copied. A lane sums every Count-th
/// term in order, then the lanes are added in halves. One task is one panel of columns.
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
        for (int row = 0; row < Product.M; row++)
        {
            float* a = Product.A + row * Product.StrideA, sums = tile + row * width;
            int done = 0;
            for (; done + 8 <= columns; done += 8)
                Dot8(a, Product.B + (column + done) * Product.StrideB, Product.StrideB, Product.K, sums + done);
            for (; done < columns; done++)
                sums[done] = Dot(a, Product.B + (column + done) * Product.StrideB, Product.K);
            new Span<float>(sums + columns, width - columns).Clear();
        }
        TileFinish<S, V>.Apply(Product, tile, 0, column, Product.M, columns, first: true, last: true);
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
}
