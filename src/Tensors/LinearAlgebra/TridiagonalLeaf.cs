namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>A small symmetric tridiagonal matrix by the implicit QL method (Bowdler, Martin, Reinsch and Wilkinson, 1968): where divide and conquer ends.</summary>
internal static unsafe class TridiagonalLeaf
{
    private const int MaxSteps = 60;

    /// <summary>What is below it would lose its digits in products.</summary>
    private const double Negligible = 1e-140;

    /// <summary>Eigenvalues, in no order, replace the diagonal; row i of <paramref name="vectors"/> ← the eigenvector of eigenvalue i.</summary>
    /// <param name="d">[n]: diagonal.</param>
    /// <param name="e">[n]: e[i] stands between d[i] and d[i + 1]; the last one is not read. Destroyed.</param>
    /// <param name="vectors">[n, n].</param>
    public static void Solve(double* d, double* e, DoubleMatrix vectors)
    {
        int n = vectors.Rows;
        vectors.Clear();
        for (int i = 0; i < n; i++) vectors[i][i] = 1;
        if (n > 0) e[n - 1] = 0;
        for (int l = 0; l < n; l++)
        {
            for (int step = 0; ; step++)
            {
                int m = l;
                while (m < n - 1 && Math.Abs(e[m]) > Negligible + (Math.ScaleB(1, -53) * (Math.Abs(d[m]) + Math.Abs(d[m + 1])))) m++;
                if (m == l) break;
                if (step == MaxSteps) throw new ArithmeticException("An eigenvalue of a tridiagonal matrix did not converge.");
                double g = (d[l + 1] - d[l]) / (2 * e[l]), r = Hypotenuse(g, 1);
                g = d[m] - d[l] + (e[l] / (g + Math.CopySign(r, g)));
                double s = 1, c = 1, p = 0;
                int i = m - 1;
                for (; i >= l; i--)
                {
                    double f = s * e[i], b = c * e[i];
                    e[i + 1] = r = Hypotenuse(f, g);
                    if (r == 0)
                    {
                        d[i + 1] -= p;
                        e[m] = 0;
                        break;
                    }

                    s = f / r;
                    c = g / r;
                    g = d[i + 1] - p;
                    r = ((d[i] - g) * s) + (2 * c * b);
                    p = s * r;
                    d[i + 1] = g + p;
                    g = (c * r) - b;
                    DoubleVectors.Rotate(vectors[i], vectors[i + 1], c, s, n);
                }

                if (r == 0 && i >= l) continue;
                d[l] -= p;
                e[l] = g;
                e[m] = 0;
            }
        }
    }

    private static double Hypotenuse(double a, double b)
    {
        double x = Math.Max(Math.Abs(a), Math.Abs(b)), y = Math.Min(Math.Abs(a), Math.Abs(b));
        return x == 0 ? 0 : x * Math.Sqrt(1 + (y / x * (y / x)));
    }
}
