using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// The eigenvalues of diag(d) + ρ·z·zᵀ: roots of 1/ρ + Σ z_j²/(d_j − λ), one between two neighbouring d, the last one above all. A root is kept as its distance
/// from the nearer d, so that every d_j − λ_i is known to full relative accuracy (Bunch, Nielsen and Sorensen, Rank-One
/// Modification of the Symmetric Eigenproblem, 1978; Gu and Eisenstat, 1995).
/// </summary>
internal static unsafe class SecularEquation
{
    private const int Width = 8;
    private const int MaxSteps = 400;

    /// <summary>λ_i = d[origin] + offset.</summary>
    /// <param name="d">[k], strictly increasing.</param>
    /// <param name="z">[k], none of them 0.</param>
    /// <param name="k">Order.</param>
    /// <param name="rho">ρ &gt; 0.</param>
    /// <param name="i">Which root, from the smallest.</param>
    public static (int Origin, double Offset) Root(double* d, double* z, int k, double rho, int i)
    {
        bool last = i == k - 1;
        int origin = i;
        double low, high, inverse = 1 / rho;
        if (last)
        {
            low = 0;
            high = rho * DoubleVectors.Dot(z, z, k) * (1 + 1e-14);
        }
        else
        {
            double gap = d[i + 1] - d[i];
            Value middle = Evaluate(d, z, k, i, d[i], gap / 2);
            if (inverse + middle.Left + middle.Right >= 0) (low, high) = (0, gap / 2);
            else (origin, low, high) = (i + 1, d[i] + (gap / 2) - d[i + 1], 0);
        }

        double at = last ? high / 2 : (low + high) / 2, p = d[i] - d[origin], q = last ? 0 : d[i + 1] - d[origin];
        for (int step = 0; step < MaxSteps; step++)
        {
            Value f = Evaluate(d, z, k, i, d[origin], at);
            double g = inverse + f.Left + f.Right;
            if (Math.Abs(g) <= 4e-16 * (inverse + Math.Abs(f.Left) + Math.Abs(f.Right))) return (origin, at);
            if (g < 0) low = at;
            else high = at;
            double next = Step(f, g, p - at, q - at, last) + at;
            // The model's root where it lies within the bracket; halves now and then, so that the bracket shrinks in any case.
            if (!(next > low && next < high) || step % 8 == 7) next = low + ((high - low) / 2);
            if (next == low || next == high || next == at) return (origin, at == 0 ? next : at);
            at = next;
        }

        return (origin, at);
    }

    /// <summary>The step to the root of c + s/(p − x) + t/(q − x), which agrees with both halves of the sum and their slopes here.</summary>
    private static double Step(Value f, double g, double p, double q, bool last)
    {
        double s = f.LeftSlope * p * p;
        if (last) return p + (s / (g - (f.LeftSlope * p)));
        double t = f.RightSlope * q * q, c = g - (f.LeftSlope * p) - (f.RightSlope * q);
        double b = (c * (p + q)) + s + t, w = p * q * g, root = Math.Sqrt(Math.Max(0, (b * b) - (4 * c * w)));
        return b <= 0 ? (b - root) / (2 * c) : 2 * w / (b + root);
    }

    /// <summary>Both halves of Σ z_j²/(d_j − origin − x), up to pole i and beyond, and their slopes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Value Evaluate(double* d, double* z, int k, int i, double origin, double x)
    {
        (double left, double leftSlope) = Part(d, z, 0, i + 1, origin, x);
        (double right, double rightSlope) = Part(d, z, i + 1, k, origin, x);
        return new Value(left, leftSlope, right, rightSlope);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double Slope) Part(double* d, double* z, int from, int to, double origin, double x)
    {
        Vector512<double> sums = default, slopes = default, o = Vector512.Create(origin), v = Vector512.Create(x);
        int j = from;
        for (; j <= to - Width; j += Width)
        {
            Vector512<double> weight = Vector512.Load(z + j), ratio = weight / (Vector512.Load(d + j) - o - v);
            sums += weight * ratio;
            slopes += ratio * ratio;
        }

        double sum = DoubleVectors.Sum(sums), slope = DoubleVectors.Sum(slopes);
        for (; j < to; j++)
        {
            double ratio = z[j] / (d[j] - origin - x);
            sum += z[j] * ratio;
            slope += ratio * ratio;
        }

        return (sum, slope);
    }

    private readonly record struct Value(double Left, double LeftSlope, double Right, double RightSlope);
}
