namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>One-sided Jacobi in float64 (Hestenes, 1958): columns are rotated in pairs until all are orthogonal.</summary>
internal sealed record PlainSvd(double[][] U, double[] S, double[][] V)
{
    public static PlainSvd Of(double[] a, int m, int n)
    {
        // Columns of the taller orientation, and what they were made of.
        bool wide = m < n;
        int count = Math.Min(m, n), length = Math.Max(m, n);
        double[][] columns = [.. Enumerable.Range(0, count).Select(j => Enumerable.Range(0, length).Select(i => wide ? a[(j * n) + i] : a[(i * n) + j]).ToArray())];
        double[][] made = [.. Enumerable.Range(0, count).Select(j => Enumerable.Range(0, count).Select(i => i == j ? 1.0 : 0).ToArray())];
        for (int sweep = 0; sweep < 60; sweep++)
        {
            bool rotated = false;
            for (int p = 0; p < count; p++)
            {
                for (int q = p + 1; q < count; q++) rotated |= Rotate(columns, made, p, q);
            }

            if (!rotated) break;
        }

        double[] lengths = [.. columns.Select(c => Math.Sqrt(c.Sum(x => x * x)))];
        int[] order = [.. Enumerable.Range(0, count).OrderByDescending(i => lengths[i])];
        double[][] longer = [.. order.Select(i => columns[i].Select(x => lengths[i] == 0 ? 0 : x / lengths[i]).ToArray())], shorter = [.. order.Select(i => made[i])];
        return new PlainSvd(wide ? shorter : longer, [.. order.Select(i => lengths[i])], wide ? longer : shorter);
    }

    /// <summary>P·Qᵀ of the vectors side by side.</summary>
    public static List<double[]> Orthonormal(List<double[]> vectors)
    {
        int length = vectors[0].Length, count = vectors.Count;
        PlainSvd svd = Of([.. Enumerable.Range(0, length * count).Select(i => vectors[i % count][i / count])], length, count);
        double[] product = Outer([.. svd.U], [.. svd.V], [.. svd.S.Select(_ => 1.0)], length, count);
        return [.. Enumerable.Range(0, count).Select(j => Enumerable.Range(0, length).Select(i => product[(i * count) + j]).ToArray())];
    }

    public static double[] Outer(List<double[]> u, List<double[]> v, List<double> s, int rows, int columns)
    {
        var product = new double[rows * columns];
        for (int k = 0; k < s.Count; k++)
        {
            for (int i = 0; i < product.Length; i++) product[i] += s[k] * u[k][i / columns] * v[k][i % columns];
        }

        return product;
    }

    private static bool Rotate(double[][] columns, double[][] made, int p, int q)
    {
        double pp = columns[p].Sum(x => x * x), qq = columns[q].Sum(x => x * x), pq = columns[p].Zip(columns[q], (x, y) => x * y).Sum();
        if (Math.Abs(pq) <= 1e-15 * Math.Sqrt(pp * qq)) return false;
        double zeta = (qq - pp) / (2 * pq), t = (zeta >= 0 ? 1 : -1) / (Math.Abs(zeta) + Math.Sqrt(1 + (zeta * zeta))), c = 1 / Math.Sqrt(1 + (t * t)), s = c * t;
        foreach (double[][] set in (double[][][])[columns, made])
        {
            for (int i = 0; i < set[p].Length; i++) (set[p][i], set[q][i]) = ((c * set[p][i]) - (s * set[q][i]), (s * set[p][i]) + (c * set[q][i]));
        }

        return true;
    }
}
