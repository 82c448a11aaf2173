namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>Singular values by the one-sided Jacobi method in float64 (Hestenes, 1958): columns are rotated in pairs until all are orthogonal; their lengths are the singular values.</summary>
internal static class JacobiReference
{
    /// <param name="a">[m, n], row-major.</param>
    /// <param name="m">Rows.</param>
    /// <param name="n">Columns.</param>
    /// <returns>min(m, n) singular values, falling.</returns>
    public static double[] SingularValues(float[] a, int m, int n)
    {
        // Columns of the taller orientation.
        double[][] columns = m >= n
            ? [.. Enumerable.Range(0, n).Select(j => Enumerable.Range(0, m).Select(i => (double)a[(i * n) + j]).ToArray())]
            : [.. Enumerable.Range(0, m).Select(i => Enumerable.Range(0, n).Select(j => (double)a[(i * n) + j]).ToArray())];
        // Products below this move no singular value by more than 1e-10 of the largest; columns of mere round-off would never become orthogonal.
        double negligible = 1e-20 * columns.Sum(column => column.Sum(x => x * x));
        bool rotated = true;
        for (int sweep = 0; rotated; sweep++)
        {
            Assert.True(sweep < 60, "The reference does not converge.");
            rotated = false;
            for (int p = 0; p < columns.Length; p++)
            {
                for (int q = p + 1; q < columns.Length; q++) rotated |= Rotate(columns[p], columns[q], negligible);
            }
        }

        return [.. columns.Select(column => Math.Sqrt(column.Sum(x => x * x))).OrderDescending()];
    }

    private static bool Rotate(double[] x, double[] y, double negligible)
    {
        double xx = 0, yy = 0, xy = 0;
        for (int i = 0; i < x.Length; i++)
        {
            xx += x[i] * x[i];
            yy += y[i] * y[i];
            xy += x[i] * y[i];
        }

        if (Math.Abs(xy) <= 1e-13 * Math.Sqrt(xx * yy) || Math.Abs(xy) <= negligible) return false;
        double zeta = (yy - xx) / (2 * xy), t = (zeta >= 0 ? 1 : -1) / (Math.Abs(zeta) + Math.Sqrt(1 + (zeta * zeta)));
        double c = 1 / Math.Sqrt(1 + (t * t)), s = c * t;
        for (int i = 0; i < x.Length; i++) (x[i], y[i]) = ((c * x[i]) - (s * y[i]), (s * x[i]) + (c * y[i]));
        return true;
    }
}
