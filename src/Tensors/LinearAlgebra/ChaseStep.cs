using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>One step of a bulge chase: the reflection of the step before from the right, one of its own from the left, and that from both sides on the diagonal block.</summary>
/// <remarks>Blocks have a band's width of rows and columns. Columns go by in groups of <see cref="Group"/>, whose parts of the vectors stay in registers; sums of eight rows are made together.</remarks>
internal static unsafe class ChaseStep
{
    /// <summary>What the width of a band is a multiple of.</summary>
    public const int Group = 3 * Lanes;

    private const int Lanes = 8;

    /// <summary>Rows s + 1 + j·width and so on for sweep s and step j.</summary>
    /// <param name="band">The matrix.</param>
    /// <param name="vectors">[n]: of this sweep; elements from the row number on are the vector of this step, those before it that of the step before.</param>
    /// <param name="tau">Of the steps of this sweep.</param>
    /// <param name="sweep">s.</param>
    /// <param name="step">j.</param>
    public static void Run(BandMatrix band, double* vectors, double* tau, int sweep, int step)
    {
        int width = band.Width, row = sweep + 1 + (step * width), rows = Math.Min(width, band.Rows - row);
        double* v = stackalloc double[BulgeChase.WidestBand], w = stackalloc double[BulgeChase.WidestBand];
        new Span<double>(v, width).Clear();
        // The bulge's first column, or in the first step the column of the sweep.
        double* bulge = band.At(row, step == 0 ? sweep : row - width), before = vectors + row - width;
        if (step > 0) FromRight(bulge, band.Stride, rows, width, before, tau[step - 1], w, v);
        else for (int r = 0; r < rows; r++) v[r] = bulge[(long)r * band.Stride];
        (tau[step], double beta) = Reflectors.Make(v, rows);
        if (step > 0) Update(bulge, band.Stride, rows, width, before, w, v, tau[step]);
        *bulge = beta;
        for (int r = 1; r < rows; r++) bulge[(long)r * band.Stride] = 0;
        new Span<double>(v, rows).CopyTo(new Span<double>(vectors + row, rows));
        if (tau[step] != 0) FromBothSides(band.At(row, row), band.Stride, rows, v, w, tau[step]);
    }

    /// <summary>The factors s = −τ·B·v of B + s·vᵀ, and the first column of that.</summary>
    /// <param name="b">[rows, width].</param>
    /// <param name="stride">From one row of it to the next.</param>
    /// <param name="rows">At most the width.</param>
    /// <param name="width">Of the band.</param>
    /// <param name="v">[width].</param>
    /// <param name="tau">τ.</param>
    /// <param name="s">[rows].</param>
    /// <param name="first">[rows].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromRight(double* b, int stride, int rows, int width, double* v, double tau, double* s, double* first)
    {
        Vector512<double> factor = Vector512.Create(-tau);
        int r = 0;
        for (; r <= rows - Lanes; r += Lanes, b += (long)Lanes * stride)
        {
            double* fourth = b + (4L * stride);
            Vector512<double> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            for (int c = 0; c < width; c += Lanes)
            {
                Vector512<double> x = Vector512.Load(v + c);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Load(b + c), x, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Load(b + stride + c), x, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Load(b + (2L * stride) + c), x, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Load(b + (3L * stride) + c), x, s3);
                s4 = Vector512.FusedMultiplyAdd(Vector512.Load(fourth + c), x, s4);
                s5 = Vector512.FusedMultiplyAdd(Vector512.Load(fourth + stride + c), x, s5);
                s6 = Vector512.FusedMultiplyAdd(Vector512.Load(fourth + (2L * stride) + c), x, s6);
                s7 = Vector512.FusedMultiplyAdd(Vector512.Load(fourth + (3L * stride) + c), x, s7);
            }

            (DoubleVectors.Sums(s0, s1, s2, s3, s4, s5, s6, s7) * factor).Store(s + r);
            for (int i = 0; i < Lanes; i++) first[r + i] = Math.FusedMultiplyAdd(s[r + i], v[0], b[(long)i * stride]);
        }

        for (; r < rows; r++, b += stride)
        {
            Vector512<double> sum = default;
            for (int c = 0; c < width; c += Lanes) sum = Vector512.FusedMultiplyAdd(Vector512.Load(b + c), Vector512.Load(v + c), sum);
            s[r] = DoubleVectors.SumInPairs(sum) * -tau;
            first[r] = Math.FusedMultiplyAdd(s[r], v[0], *b);
        }
    }

    /// <summary>B ← H·(B + s·vᵀ) for H = I − τ·u·uᵀ, as B + s·vᵀ + u·yᵀ with y = −τ·(Bᵀ·u + (s·u)·v).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Update(double* b, int stride, int rows, int width, double* v, double* s, double* u, double tau)
    {
        Vector512<double> factor = Vector512.Create(-tau), along = Vector512.Create(DoubleVectors.Dot(s, u, rows));
        for (int c = 0; c < width; c += Group, b += Group)
        {
            Vector512<double> v0 = Vector512.Load(v + c), v1 = Vector512.Load(v + c + Lanes), v2 = Vector512.Load(v + c + (2 * Lanes));
            Vector512<double> y0 = along * v0, y1 = along * v1, y2 = along * v2, z0 = default, z1 = default, z2 = default;
            double* at = b;
            int r = 0;
            for (; r <= rows - 2; r += 2, at += 2L * stride)
            {
                Vector512<double> even = Vector512.Create(u[r]), odd = Vector512.Create(u[r + 1]);
                y0 = Vector512.FusedMultiplyAdd(even, Vector512.Load(at), y0);
                y1 = Vector512.FusedMultiplyAdd(even, Vector512.Load(at + Lanes), y1);
                y2 = Vector512.FusedMultiplyAdd(even, Vector512.Load(at + (2 * Lanes)), y2);
                z0 = Vector512.FusedMultiplyAdd(odd, Vector512.Load(at + stride), z0);
                z1 = Vector512.FusedMultiplyAdd(odd, Vector512.Load(at + stride + Lanes), z1);
                z2 = Vector512.FusedMultiplyAdd(odd, Vector512.Load(at + stride + (2 * Lanes)), z2);
            }

            if (r < rows)
            {
                Vector512<double> even = Vector512.Create(u[r]);
                y0 = Vector512.FusedMultiplyAdd(even, Vector512.Load(at), y0);
                y1 = Vector512.FusedMultiplyAdd(even, Vector512.Load(at + Lanes), y1);
                y2 = Vector512.FusedMultiplyAdd(even, Vector512.Load(at + (2 * Lanes)), y2);
            }

            (y0, y1, y2) = ((y0 + z0) * factor, (y1 + z1) * factor, (y2 + z2) * factor);
            at = b;
            for (r = 0; r < rows; r++, at += stride)
            {
                Vector512<double> p = Vector512.Create(s[r]), q = Vector512.Create(u[r]);
                Vector512.FusedMultiplyAdd(q, y0, Vector512.FusedMultiplyAdd(p, v0, Vector512.Load(at))).Store(at);
                Vector512.FusedMultiplyAdd(q, y1, Vector512.FusedMultiplyAdd(p, v1, Vector512.Load(at + Lanes))).Store(at + Lanes);
                Vector512.FusedMultiplyAdd(q, y2, Vector512.FusedMultiplyAdd(p, v2, Vector512.Load(at + (2 * Lanes)))).Store(at + (2 * Lanes));
            }
        }
    }

    /// <summary>D ← H·D·H for H = I − τ·v·vᵀ and a symmetric D of which the lower half is there: with w = τ·D·v − ½·τ²·(vᵀ·D·v)·v it is D − v·wᵀ − w·vᵀ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromBothSides(double* d, int stride, int rows, double* v, double* w, double tau)
    {
        Image(d, stride, rows, v, w);
        DoubleVectors.Scale(w, tau, rows);
        DoubleVectors.Add(w, v, -0.5 * tau * DoubleVectors.Dot(w, v, rows), rows);
        for (int c = 0; c < rows; c += Group)
        {
            // Right of what a row of the lower half has, its last vector holds what is nobody's.
            Vector512<double> w0 = Vector512.Load(w + c), w1 = Vector512.Load(w + c + Lanes), w2 = Vector512.Load(w + c + (2 * Lanes));
            Vector512<double> v0 = Vector512.Load(v + c), v1 = Vector512.Load(v + c + Lanes), v2 = Vector512.Load(v + c + (2 * Lanes));
            double* at = d + ((long)c * stride) + c;
            for (int r = c; r < rows; r++, at += stride)
            {
                Vector512<double> x = Vector512.Create(-v[r]), y = Vector512.Create(-w[r]);
                Vector512.FusedMultiplyAdd(x, w0, Vector512.FusedMultiplyAdd(y, v0, Vector512.Load(at))).Store(at);
                if (r < c + Lanes) continue;
                Vector512.FusedMultiplyAdd(x, w1, Vector512.FusedMultiplyAdd(y, v1, Vector512.Load(at + Lanes))).Store(at + Lanes);
                if (r < c + (2 * Lanes)) continue;
                Vector512.FusedMultiplyAdd(x, w2, Vector512.FusedMultiplyAdd(y, v2, Vector512.Load(at + (2 * Lanes)))).Store(at + (2 * Lanes));
            }
        }
    }

    /// <summary>w ← D·v, from the lower half in squares of eight; zeros behind it up to a multiple of <see cref="Group"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Image(double* d, int stride, int rows, double* v, double* w)
    {
        for (int c = 0; c < rows; c += Group)
        {
            Vector512<double>.Zero.Store(w + c);
            Vector512<double>.Zero.Store(w + c + Lanes);
            Vector512<double>.Zero.Store(w + c + (2 * Lanes));
        }

        for (int r = 0; r < rows; r += Lanes, d += (long)Lanes * stride)
        {
            int count = Math.Min(Lanes, rows - r);
            if (count == Lanes) Rows(d, stride, r, v, w);
            else for (int i = 0; i < count; i++) w[r + i] += Row(d + ((long)i * stride), r + i, v, w);
        }
    }

    /// <summary>Eight rows from a multiple of eight on: their own elements of the image, and what they add to those above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(double* d, int stride, int row, double* v, double* w)
    {
        double* fourth = d + (4L * stride);
        Vector512<double> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        for (int c = 0; c < row; c += Lanes)
        {
            Vector512<double> x = Vector512.Load(v + c), even = Vector512.Load(w + c), odd = default;
            Take(d + c, x, v[row], ref s0, ref even);
            Take(d + stride + c, x, v[row + 1], ref s1, ref odd);
            Take(d + (2L * stride) + c, x, v[row + 2], ref s2, ref even);
            Take(d + (3L * stride) + c, x, v[row + 3], ref s3, ref odd);
            Take(fourth + c, x, v[row + 4], ref s4, ref even);
            Take(fourth + stride + c, x, v[row + 5], ref s5, ref odd);
            Take(fourth + (2L * stride) + c, x, v[row + 6], ref s6, ref even);
            Take(fourth + (3L * stride) + c, x, v[row + 7], ref s7, ref odd);
            (even + odd).Store(w + c);
        }

        // Left of the diagonal for both; the diagonal itself once.
        d += row;
        fourth += row;
        Vector512<double> own = Vector512.Load(v + row), image = default, other = default;
        TakeLast(d, own, 0, v[row], ref s0, ref image);
        TakeLast(d + stride, own, 1, v[row + 1], ref s1, ref other);
        TakeLast(d + (2L * stride), own, 2, v[row + 2], ref s2, ref image);
        TakeLast(d + (3L * stride), own, 3, v[row + 3], ref s3, ref other);
        TakeLast(fourth, own, 4, v[row + 4], ref s4, ref image);
        TakeLast(fourth + stride, own, 5, v[row + 5], ref s5, ref other);
        TakeLast(fourth + (2L * stride), own, 6, v[row + 6], ref s6, ref image);
        TakeLast(fourth + (3L * stride), own, 7, v[row + 7], ref s7, ref other);
        (image + other + DoubleVectors.Sums(s0, s1, s2, s3, s4, s5, s6, s7)).Store(w + row);
    }

    /// <summary>One row: returns its own element of the image, and adds to those above.</summary>
    private static double Row(double* d, int row, double* v, double* w)
    {
        Vector512<double> sum = default;
        int c = 0;
        for (; c < row / Lanes * Lanes; c += Lanes)
        {
            Vector512<double> image = Vector512.Load(w + c);
            Take(d + c, Vector512.Load(v + c), v[row], ref sum, ref image);
            image.Store(w + c);
        }

        Vector512<double> last = Vector512.Load(w + c);
        TakeLast(d + c, Vector512.Load(v + c), row - c, v[row], ref sum, ref last);
        last.Store(w + c);
        return DoubleVectors.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Take(double* d, Vector512<double> x, double own, ref Vector512<double> sum, ref Vector512<double> image)
    {
        Vector512<double> element = Vector512.Load(d);
        sum = Vector512.FusedMultiplyAdd(element, x, sum);
        image = Vector512.FusedMultiplyAdd(element, Vector512.Create(own), image);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TakeLast(double* d, Vector512<double> x, int place, double own, ref Vector512<double> sum, ref Vector512<double> image)
    {
        Vector512<double> lanes = Vector512.Create(0.0, 1, 2, 3, 4, 5, 6, 7), diagonal = Vector512.Create((double)place), element = Vector512.Load(d);
        sum = Vector512.FusedMultiplyAdd(Vector512.ConditionalSelect(Vector512.LessThanOrEqual(lanes, diagonal), element, Vector512<double>.Zero), x, sum);
        image = Vector512.FusedMultiplyAdd(Vector512.ConditionalSelect(Vector512.LessThan(lanes, diagonal), element, Vector512<double>.Zero), Vector512.Create(own), image);
    }
}
