using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// Tiles of C in registers, six rows by one to four vectors: up to 24 sums of the 32 registers of AVX-512, 12 of the 16 of narrower sets. Of a tile of fewer rows the last
/// row (<c>last</c>, counted from 0) is computed again in place of those that are missing and not stored.
/// </summary>
internal static unsafe class HeadTile6<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows6Vectors4(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow), a2 = a + (Math.Min(2, last) * aRow), a3 = a + (Math.Min(3, last) * aRow), a4 = a + (Math.Min(4, last) * aRow), a5 = a + (Math.Min(5, last) * aRow);
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero, s03 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero, s12 = S.Zero, s13 = S.Zero;
        V s20 = S.Zero, s21 = S.Zero, s22 = S.Zero, s23 = S.Zero;
        V s30 = S.Zero, s31 = S.Zero, s32 = S.Zero, s33 = S.Zero;
        V s40 = S.Zero, s41 = S.Zero, s42 = S.Zero, s43 = S.Zero;
        V s50 = S.Zero, s51 = S.Zero, s52 = S.Zero, s53 = S.Zero;
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
            x = S.Create(a2[at]);
            s20 = S.MultiplyAdd(x, b0, s20);
            s21 = S.MultiplyAdd(x, b1, s21);
            s22 = S.MultiplyAdd(x, b2, s22);
            s23 = S.MultiplyAdd(x, b3, s23);
            x = S.Create(a3[at]);
            s30 = S.MultiplyAdd(x, b0, s30);
            s31 = S.MultiplyAdd(x, b1, s31);
            s32 = S.MultiplyAdd(x, b2, s32);
            s33 = S.MultiplyAdd(x, b3, s33);
            x = S.Create(a4[at]);
            s40 = S.MultiplyAdd(x, b0, s40);
            s41 = S.MultiplyAdd(x, b1, s41);
            s42 = S.MultiplyAdd(x, b2, s42);
            s43 = S.MultiplyAdd(x, b3, s43);
            x = S.Create(a5[at]);
            s50 = S.MultiplyAdd(x, b0, s50);
            s51 = S.MultiplyAdd(x, b1, s51);
            s52 = S.MultiplyAdd(x, b2, s52);
            s53 = S.MultiplyAdd(x, b3, s53);
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
        if (last < 2) return;
        c += cStride;
        Put(c, s20, accumulate);
        Put(c + S.Count, s21, accumulate);
        Put(c + (2 * S.Count), s22, accumulate);
        Put(c + (3 * S.Count), s23, accumulate);
        if (last < 3) return;
        c += cStride;
        Put(c, s30, accumulate);
        Put(c + S.Count, s31, accumulate);
        Put(c + (2 * S.Count), s32, accumulate);
        Put(c + (3 * S.Count), s33, accumulate);
        if (last < 4) return;
        c += cStride;
        Put(c, s40, accumulate);
        Put(c + S.Count, s41, accumulate);
        Put(c + (2 * S.Count), s42, accumulate);
        Put(c + (3 * S.Count), s43, accumulate);
        if (last < 5) return;
        c += cStride;
        Put(c, s50, accumulate);
        Put(c + S.Count, s51, accumulate);
        Put(c + (2 * S.Count), s52, accumulate);
        Put(c + (3 * S.Count), s53, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows6Vectors3(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow), a2 = a + (Math.Min(2, last) * aRow), a3 = a + (Math.Min(3, last) * aRow), a4 = a + (Math.Min(4, last) * aRow), a5 = a + (Math.Min(5, last) * aRow);
        V s00 = S.Zero, s01 = S.Zero, s02 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero, s12 = S.Zero;
        V s20 = S.Zero, s21 = S.Zero, s22 = S.Zero;
        V s30 = S.Zero, s31 = S.Zero, s32 = S.Zero;
        V s40 = S.Zero, s41 = S.Zero, s42 = S.Zero;
        V s50 = S.Zero, s51 = S.Zero, s52 = S.Zero;
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
            x = S.Create(a2[at]);
            s20 = S.MultiplyAdd(x, b0, s20);
            s21 = S.MultiplyAdd(x, b1, s21);
            s22 = S.MultiplyAdd(x, b2, s22);
            x = S.Create(a3[at]);
            s30 = S.MultiplyAdd(x, b0, s30);
            s31 = S.MultiplyAdd(x, b1, s31);
            s32 = S.MultiplyAdd(x, b2, s32);
            x = S.Create(a4[at]);
            s40 = S.MultiplyAdd(x, b0, s40);
            s41 = S.MultiplyAdd(x, b1, s41);
            s42 = S.MultiplyAdd(x, b2, s42);
            x = S.Create(a5[at]);
            s50 = S.MultiplyAdd(x, b0, s50);
            s51 = S.MultiplyAdd(x, b1, s51);
            s52 = S.MultiplyAdd(x, b2, s52);
        }

        Put(c, s00, accumulate);
        Put(c + S.Count, s01, accumulate);
        Put(c + (2 * S.Count), s02, accumulate);
        if (last < 1) return;
        c += cStride;
        Put(c, s10, accumulate);
        Put(c + S.Count, s11, accumulate);
        Put(c + (2 * S.Count), s12, accumulate);
        if (last < 2) return;
        c += cStride;
        Put(c, s20, accumulate);
        Put(c + S.Count, s21, accumulate);
        Put(c + (2 * S.Count), s22, accumulate);
        if (last < 3) return;
        c += cStride;
        Put(c, s30, accumulate);
        Put(c + S.Count, s31, accumulate);
        Put(c + (2 * S.Count), s32, accumulate);
        if (last < 4) return;
        c += cStride;
        Put(c, s40, accumulate);
        Put(c + S.Count, s41, accumulate);
        Put(c + (2 * S.Count), s42, accumulate);
        if (last < 5) return;
        c += cStride;
        Put(c, s50, accumulate);
        Put(c + S.Count, s51, accumulate);
        Put(c + (2 * S.Count), s52, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows6Vectors2(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow), a2 = a + (Math.Min(2, last) * aRow), a3 = a + (Math.Min(3, last) * aRow), a4 = a + (Math.Min(4, last) * aRow), a5 = a + (Math.Min(5, last) * aRow);
        V s00 = S.Zero, s01 = S.Zero;
        V s10 = S.Zero, s11 = S.Zero;
        V s20 = S.Zero, s21 = S.Zero;
        V s30 = S.Zero, s31 = S.Zero;
        V s40 = S.Zero, s41 = S.Zero;
        V s50 = S.Zero, s51 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count), x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            s01 = S.MultiplyAdd(x, b1, s01);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
            s11 = S.MultiplyAdd(x, b1, s11);
            x = S.Create(a2[at]);
            s20 = S.MultiplyAdd(x, b0, s20);
            s21 = S.MultiplyAdd(x, b1, s21);
            x = S.Create(a3[at]);
            s30 = S.MultiplyAdd(x, b0, s30);
            s31 = S.MultiplyAdd(x, b1, s31);
            x = S.Create(a4[at]);
            s40 = S.MultiplyAdd(x, b0, s40);
            s41 = S.MultiplyAdd(x, b1, s41);
            x = S.Create(a5[at]);
            s50 = S.MultiplyAdd(x, b0, s50);
            s51 = S.MultiplyAdd(x, b1, s51);
        }

        Put(c, s00, accumulate);
        Put(c + S.Count, s01, accumulate);
        if (last < 1) return;
        c += cStride;
        Put(c, s10, accumulate);
        Put(c + S.Count, s11, accumulate);
        if (last < 2) return;
        c += cStride;
        Put(c, s20, accumulate);
        Put(c + S.Count, s21, accumulate);
        if (last < 3) return;
        c += cStride;
        Put(c, s30, accumulate);
        Put(c + S.Count, s31, accumulate);
        if (last < 4) return;
        c += cStride;
        Put(c, s40, accumulate);
        Put(c + S.Count, s41, accumulate);
        if (last < 5) return;
        c += cStride;
        Put(c, s50, accumulate);
        Put(c + S.Count, s51, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows6Vectors1(float* c, nint cStride, int last, float* a, nint aRow, nint aDepth, float* b, nint bStride, int k, bool accumulate)
    {
        float* a1 = a + (Math.Min(1, last) * aRow), a2 = a + (Math.Min(2, last) * aRow), a3 = a + (Math.Min(3, last) * aRow), a4 = a + (Math.Min(4, last) * aRow), a5 = a + (Math.Min(5, last) * aRow);
        V s00 = S.Zero;
        V s10 = S.Zero;
        V s20 = S.Zero;
        V s30 = S.Zero;
        V s40 = S.Zero;
        V s50 = S.Zero;
        nint at = 0;
        for (int l = 0; l < k; l++, at += aDepth, b += bStride)
        {
            V b0 = S.Load(b), x = S.Create(a[at]);
            s00 = S.MultiplyAdd(x, b0, s00);
            x = S.Create(a1[at]);
            s10 = S.MultiplyAdd(x, b0, s10);
            x = S.Create(a2[at]);
            s20 = S.MultiplyAdd(x, b0, s20);
            x = S.Create(a3[at]);
            s30 = S.MultiplyAdd(x, b0, s30);
            x = S.Create(a4[at]);
            s40 = S.MultiplyAdd(x, b0, s40);
            x = S.Create(a5[at]);
            s50 = S.MultiplyAdd(x, b0, s50);
        }

        Put(c, s00, accumulate);
        if (last < 1) return;
        c += cStride;
        Put(c, s10, accumulate);
        if (last < 2) return;
        c += cStride;
        Put(c, s20, accumulate);
        if (last < 3) return;
        c += cStride;
        Put(c, s30, accumulate);
        if (last < 4) return;
        c += cStride;
        Put(c, s40, accumulate);
        if (last < 5) return;
        c += cStride;
        Put(c, s50, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(float* c, V sum, bool accumulate) => S.Store(c, accumulate ? S.Add(S.Load(c), sum) : sum);
}
