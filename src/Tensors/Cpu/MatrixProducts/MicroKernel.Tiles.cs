using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <content>The same loop for each height of a tile, written out since sums stay in registers only where each is a variable of its own.</content>
internal static unsafe partial class MicroKernel<S, V>
    where S : struct, ISimd<V>
    where V : struct
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows12<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow, a6 = a + 6 * aRow, a9 = a + 9 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero, l4 = S.Zero, h4 = S.Zero, l5 = S.Zero, h5 = S.Zero;
        V l6 = S.Zero, h6 = S.Zero, l7 = S.Zero, h7 = S.Zero, l8 = S.Zero, h8 = S.Zero;
        V l9 = S.Zero, h9 = S.Zero, l10 = S.Zero, h10 = S.Zero, l11 = S.Zero, h11 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            x = S.Create(a3[aRow]);
            l4 = S.MultiplyAdd(x, low, l4);
            h4 = S.MultiplyAdd(x, high, h4);
            x = S.Create(a3[aRow2]);
            l5 = S.MultiplyAdd(x, low, l5);
            h5 = S.MultiplyAdd(x, high, h5);
            x = S.Create(a6[0]);
            l6 = S.MultiplyAdd(x, low, l6);
            h6 = S.MultiplyAdd(x, high, h6);
            x = S.Create(a6[aRow]);
            l7 = S.MultiplyAdd(x, low, l7);
            h7 = S.MultiplyAdd(x, high, h7);
            x = S.Create(a6[aRow2]);
            l8 = S.MultiplyAdd(x, low, l8);
            h8 = S.MultiplyAdd(x, high, h8);
            x = S.Create(a9[0]);
            l9 = S.MultiplyAdd(x, low, l9);
            h9 = S.MultiplyAdd(x, high, h9);
            x = S.Create(a9[aRow]);
            l10 = S.MultiplyAdd(x, low, l10);
            h10 = S.MultiplyAdd(x, high, h10);
            x = S.Create(a9[aRow2]);
            l11 = S.MultiplyAdd(x, low, l11);
            h11 = S.MultiplyAdd(x, high, h11);
            a += aStep;
            a3 += aStep;
            a6 += aStep;
            a9 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
        c += cRow;
        T.Put<S, V>(c, l4);
        T.Put<S, V>(c + S.Count, h4);
        c += cRow;
        T.Put<S, V>(c, l5);
        T.Put<S, V>(c + S.Count, h5);
        c += cRow;
        T.Put<S, V>(c, l6);
        T.Put<S, V>(c + S.Count, h6);
        c += cRow;
        T.Put<S, V>(c, l7);
        T.Put<S, V>(c + S.Count, h7);
        c += cRow;
        T.Put<S, V>(c, l8);
        T.Put<S, V>(c + S.Count, h8);
        c += cRow;
        T.Put<S, V>(c, l9);
        T.Put<S, V>(c + S.Count, h9);
        c += cRow;
        T.Put<S, V>(c, l10);
        T.Put<S, V>(c + S.Count, h10);
        c += cRow;
        T.Put<S, V>(c, l11);
        T.Put<S, V>(c + S.Count, h11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow, a6 = a + 6 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero, l4 = S.Zero, h4 = S.Zero, l5 = S.Zero, h5 = S.Zero;
        V l6 = S.Zero, h6 = S.Zero, l7 = S.Zero, h7 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            x = S.Create(a3[aRow]);
            l4 = S.MultiplyAdd(x, low, l4);
            h4 = S.MultiplyAdd(x, high, h4);
            x = S.Create(a3[aRow2]);
            l5 = S.MultiplyAdd(x, low, l5);
            h5 = S.MultiplyAdd(x, high, h5);
            x = S.Create(a6[0]);
            l6 = S.MultiplyAdd(x, low, l6);
            h6 = S.MultiplyAdd(x, high, h6);
            x = S.Create(a6[aRow]);
            l7 = S.MultiplyAdd(x, low, l7);
            h7 = S.MultiplyAdd(x, high, h7);
            a += aStep;
            a3 += aStep;
            a6 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
        c += cRow;
        T.Put<S, V>(c, l4);
        T.Put<S, V>(c + S.Count, h4);
        c += cRow;
        T.Put<S, V>(c, l5);
        T.Put<S, V>(c + S.Count, h5);
        c += cRow;
        T.Put<S, V>(c, l6);
        T.Put<S, V>(c + S.Count, h6);
        c += cRow;
        T.Put<S, V>(c, l7);
        T.Put<S, V>(c + S.Count, h7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero, l4 = S.Zero, h4 = S.Zero, l5 = S.Zero, h5 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            x = S.Create(a3[aRow]);
            l4 = S.MultiplyAdd(x, low, l4);
            h4 = S.MultiplyAdd(x, high, h4);
            x = S.Create(a3[aRow2]);
            l5 = S.MultiplyAdd(x, low, l5);
            h5 = S.MultiplyAdd(x, high, h5);
            a += aStep;
            a3 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
        c += cRow;
        T.Put<S, V>(c, l4);
        T.Put<S, V>(c + S.Count, h4);
        c += cRow;
        T.Put<S, V>(c, l5);
        T.Put<S, V>(c + S.Count, h5);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        float* a3 = a + 3 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        V l3 = S.Zero, h3 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            x = S.Create(a3[0]);
            l3 = S.MultiplyAdd(x, low, l3);
            h3 = S.MultiplyAdd(x, high, h3);
            a += aStep;
            a3 += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
        c += cRow;
        T.Put<S, V>(c, l3);
        T.Put<S, V>(c + S.Count, h3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows3<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        nint aRow2 = 2 * aRow;
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero, l2 = S.Zero, h2 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            x = S.Create(a[aRow2]);
            l2 = S.MultiplyAdd(x, low, l2);
            h2 = S.MultiplyAdd(x, high, h2);
            a += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
        c += cRow;
        T.Put<S, V>(c, l2);
        T.Put<S, V>(c + S.Count, h2);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        V l0 = S.Zero, h0 = S.Zero, l1 = S.Zero, h1 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            x = S.Create(a[aRow]);
            l1 = S.MultiplyAdd(x, low, l1);
            h1 = S.MultiplyAdd(x, high, h1);
            a += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
        c += cRow;
        T.Put<S, V>(c, l1);
        T.Put<S, V>(c + S.Count, h1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<T, P>(int k, float* a, nint aRow, nint aStep, float* b, nint bStep, float* ahead, nint aheadStep, float* c, nint cRow)
        where T : struct, ITileSink
        where P : struct, IPanelFormat
    {
        V l0 = S.Zero, h0 = S.Zero;
        for (; k > 0; k--)
        {
            P.Prefetch<S, V>(ahead);
            V low = P.Low<S, V>(b), high = P.High<S, V>(b);
            V x = S.Create(a[0]);
            l0 = S.MultiplyAdd(x, low, l0);
            h0 = S.MultiplyAdd(x, high, h0);
            a += aStep;
            b += bStep;
            ahead += aheadStep;
        }
        T.Put<S, V>(c, l0);
        T.Put<S, V>(c + S.Count, h0);
    }
}
