using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>Tiles of two rows, or of one, for what six rows would waste; see <see cref="HeadTile6{S, V}"/>.</summary>
internal static unsafe class HeadTile2<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows2Vectors4(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow);
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero, s03 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero, s12 = S.Zero, s13 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count), b2 = S.Load(b + (2 * S.Count)), b3 = S.Load(b + (3 * S.Count)), x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            s01 = S.MultiplyAdd(x, b1, s01);
            s02 = S.MultiplyAdd(x, b2, s02);
            s03 = S.MultiplyAdd(x, b3, s03);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
            s11 = S.MultiplyAdd(x, b1, s11);
            s12 = S.MultiplyAdd(x, b2, s12);
            s13 = S.MultiplyAdd(x, b3, s13);
        }

        Put(c, s00, accumulate);
        Put(c + S.Count, s01, accumulate);
        Put(c + (2 * S.Count), s02, accumulate);
        Put(c + (3 * S.Count), s03, accumulate);
        if (last < 1) return;
        c += cStride;
        Put(c, s10, accumulate);
        Put(c + S.Count, s11, accumulate);
        Put(c + (2 * S.Count), s12, accumulate);
        Put(c + (3 * S.Count), s13, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows2Vectors3(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow);
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero, s12 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count), b2 = S.Load(b + (2 * S.Count)), x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            s01 = S.MultiplyAdd(x, b1, s01);
            s02 = S.MultiplyAdd(x, b2, s02);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
            s11 = S.MultiplyAdd(x, b1, s11);
            s12 = S.MultiplyAdd(x, b2, s12);
        }

        Put(c, s00, accumulate);
        Put(c + S.Count, s01, accumulate);
        Put(c + (2 * S.Count), s02, accumulate);
        if (last < 1) return;
        c += cStride;
        Put(c, s10, accumulate);
        Put(c + S.Count, s11, accumulate);
        Put(c + (2 * S.Count), s12, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows2Vectors2(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow);
        V s00 = S.Zero, s01 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count), x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            s01 = S.MultiplyAdd(x, b1, s01);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
            s11 = S.MultiplyAdd(x, b1, s11);
        }

        Put(c, s00, accumulate);
        Put(c + S.Count, s01, accumulate);
        if (last < 1) return;
        c += cStride;
        Put(c, s10, accumulate);
        Put(c + S.Count, s11, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows2Vectors1(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow);
        V s00 = S.Zero;
        V s10 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
        }

        Put(c, s00, accumulate);
        if (last < 1) return;
        c += cStride;
        Put(c, s10, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* c, V sum, bool accumulate) => HeadTile6<S, V>.Put(c, sum, accumulate);
}
