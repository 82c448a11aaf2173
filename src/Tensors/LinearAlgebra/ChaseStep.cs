using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>One step of a bulge chase: the reflection of the step before from the right, one of its own from the left, and that from both sides on the diagonal block.</summary>
internal static unsafe class ChaseStep
{
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
        double* bulge = band.At(row, step == 0 ? sweep : row - width);
        if (step > 0) FromRight(bulge, band.Stride, rows, width, vectors + row - width, tau[step - 1]);
        for (int r = 0; r < rows; r++)
        {
            double* element = bulge + ((long)r * band.Stride);
            (v[r], *element) = (*element, 0);
        }

        (tau[step], *bulge) = Reflectors.Make(v, rows);
        new Span<double>(v, rows).CopyTo(new Span<double>(vectors + row, rows));
        if (tau[step] == 0) return;
        if (step > 0) FromLeft(bulge, band.Stride, rows, width, v, tau[step]);
        FromBothSides(band.At(row, row), band.Stride, rows, v, w, tau[step]);
    }

    /// <summary>B ← B − τ·(B·v)·vᵀ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromRight(double* b, int stride, int rows, int width, double* v, double tau)
    {
        if (tau == 0) return;
        int r = 0;
        for (; r <= rows - 4; r += 4, b += 4L * stride)
        {
            double* b1 = b + stride, b2 = b1 + stride, b3 = b2 + stride;
            Vector512<double> s0 = default, s1 = default, s2 = default, s3 = default;
            for (int c = 0; c < width; c += Lanes)
            {
                Vector512<double> x = Vector512.Load(v + c);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Load(b + c), x, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Load(b1 + c), x, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Load(b2 + c), x, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Load(b3 + c), x, s3);
            }

            s0 = Vector512.Create(-tau * DoubleVectors.Sum(s0));
            s1 = Vector512.Create(-tau * DoubleVectors.Sum(s1));
            s2 = Vector512.Create(-tau * DoubleVectors.Sum(s2));
            s3 = Vector512.Create(-tau * DoubleVectors.Sum(s3));
            for (int c = 0; c < width; c += Lanes)
            {
                Vector512<double> x = Vector512.Load(v + c);
                Vector512.FusedMultiplyAdd(s0, x, Vector512.Load(b + c)).Store(b + c);
                Vector512.FusedMultiplyAdd(s1, x, Vector512.Load(b1 + c)).Store(b1 + c);
                Vector512.FusedMultiplyAdd(s2, x, Vector512.Load(b2 + c)).Store(b2 + c);
                Vector512.FusedMultiplyAdd(s3, x, Vector512.Load(b3 + c)).Store(b3 + c);
            }
        }

        for (; r < rows; r++, b += stride)
        {
            Vector512<double> s = default;
            for (int c = 0; c < width; c += Lanes) s = Vector512.FusedMultiplyAdd(Vector512.Load(b + c), Vector512.Load(v + c), s);
            s = Vector512.Create(-tau * DoubleVectors.Sum(s));
            for (int c = 0; c < width; c += Lanes) Vector512.FusedMultiplyAdd(s, Vector512.Load(v + c), Vector512.Load(b + c)).Store(b + c);
        }
    }

    /// <summary>B ← B − τ·v·(vᵀ·B); the first column is done already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromLeft(double* b, int stride, int rows, int width, double* v, double tau)
    {
        Vector512<double> factor = Vector512.Create(-tau);
        for (int c = 0; c < width; c += Lanes)
        {
            Vector512<double> even = default, odd = default, third = default, fourth = default;
            double* at = b + c;
            int r = 0;
            for (; r <= rows - 4; r += 4, at += 4L * stride)
            {
                even = Vector512.FusedMultiplyAdd(Vector512.Create(v[r]), Vector512.Load(at), even);
                odd = Vector512.FusedMultiplyAdd(Vector512.Create(v[r + 1]), Vector512.Load(at + stride), odd);
                third = Vector512.FusedMultiplyAdd(Vector512.Create(v[r + 2]), Vector512.Load(at + (2 * stride)), third);
                fourth = Vector512.FusedMultiplyAdd(Vector512.Create(v[r + 3]), Vector512.Load(at + (3 * stride)), fourth);
            }

            for (; r < rows; r++, at += stride) even = Vector512.FusedMultiplyAdd(Vector512.Create(v[r]), Vector512.Load(at), even);
            Vector512<double> image = (even + odd + (third + fourth)) * factor;
            if (c == 0) image = image.WithElement(0, 0);
            at = b + c;
            for (r = 0; r < rows; r++, at += stride) Vector512.FusedMultiplyAdd(Vector512.Create(v[r]), image, Vector512.Load(at)).Store(at);
        }
    }

    /// <summary>D ← H·D·H for H = I − τ·v·vᵀ and a symmetric D of which the lower half is there: with w = τ·D·v − ½·τ²·(vᵀ·D·v)·v it is D − v·wᵀ − w·vᵀ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FromBothSides(double* d, int stride, int rows, double* v, double* w, double tau)
    {
        Image(d, stride, rows, v, w);
        DoubleVectors.Scale(w, tau, rows);
        DoubleVectors.Add(w, v, -0.5 * tau * DoubleVectors.Dot(w, v, rows), rows);
        for (int r = 0; r < rows; r++, d += stride)
        {
            Vector512<double> x = Vector512.Create(-v[r]), y = Vector512.Create(-w[r]);
            // What lies right of the diagonal in the last vector is nobody's.
            for (int c = 0; c <= r; c += Lanes)
                Vector512.FusedMultiplyAdd(x, Vector512.Load(w + c), Vector512.FusedMultiplyAdd(y, Vector512.Load(v + c), Vector512.Load(d + c))).Store(d + c);
        }
    }

    /// <summary>w ← D·v; zeros behind it up to a multiple of eight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Image(double* d, int stride, int rows, double* v, double* w)
    {
        double* sums = stackalloc double[BulgeChase.WidestBand];
        for (int c = 0; c < rows; c += Lanes) Vector512<double>.Zero.Store(w + c);
        Vector512<double> lanes = Vector512.Create(0.0, 1, 2, 3, 4, 5, 6, 7);
        for (int r = 0; r < rows; r++, d += stride)
        {
            Vector512<double> x = Vector512.Create(v[r]), sum = default;
            int c = 0, at = r / Lanes * Lanes;
            for (; c < at; c += Lanes)
            {
                Vector512<double> element = Vector512.Load(d + c);
                sum = Vector512.FusedMultiplyAdd(element, Vector512.Load(v + c), sum);
                Vector512.FusedMultiplyAdd(element, x, Vector512.Load(w + c)).Store(w + c);
            }

            // Left of the diagonal for both; the diagonal itself once.
            Vector512<double> place = Vector512.Create((double)(r - at)), last = Vector512.Load(d + c);
            Vector512<double> left = Vector512.ConditionalSelect(Vector512.LessThan(lanes, place), last, Vector512<double>.Zero);
            Vector512<double> upTo = Vector512.ConditionalSelect(Vector512.LessThanOrEqual(lanes, place), last, Vector512<double>.Zero);
            sums[r] = DoubleVectors.Sum(Vector512.FusedMultiplyAdd(upTo, Vector512.Load(v + c), sum));
            Vector512.FusedMultiplyAdd(left, x, Vector512.Load(w + c)).Store(w + c);
        }

        for (int r = 0; r < rows; r++) w[r] += sums[r];
    }
}
