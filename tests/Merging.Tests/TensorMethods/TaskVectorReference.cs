namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>
/// mergekit's task-vector methods in float64, with sorted lists and plain loops: what the engine's are held against. Differences are rounded to float32 first, as the
/// methods say, since they decide what is kept.
/// </summary>
internal static class TaskVectorReference
{
    /// <summary>The numbers of one model in a recipe.</summary>
    public sealed record Model(double Weight, double Density = 1, double Gamma = 0.01);

    /// <summary>task_arithmetic, ties, breadcrumbs and breadcrumbs_ties: a window of magnitudes, an election or none.</summary>
    public static double[] Merge(float[] origin, float[][] models, Model[] numbers, bool elects, bool window, bool normalize, bool rescale, double lambda)
    {
        double[][] differences = [.. models.Select((x, k) => Thin([.. x.Zip(origin, (a, b) => (double)(a - b))], numbers[k], window, rescale))];
        var result = new double[origin.Length];
        for (int i = 0; i < result.Length; i++)
        {
            double sum = 0, divisor = 0;
            bool plus = differences.Select((d, k) => numbers[k].Weight * d[i]).Sum() >= 0;
            for (int k = 0; k < models.Length; k++)
            {
                double p = numbers[k].Weight * differences[k][i];
                if (elects && !(plus ? p > 0 : p < 0)) continue;
                sum += p;
                divisor += numbers[k].Weight;
            }

            bool divides = normalize && (elects ? divisor != 0 : Math.Abs(divisor) >= 1e-8);
            result[i] = origin[i] + (lambda * sum / (divides ? divisor : 1));
        }

        return result;
    }

    public static double[] Sce(float[] origin, float[][] models, double share)
    {
        double[][] differences = [.. models.Select(x => x.Zip(origin, (a, b) => (double)(a - b)).ToArray())];
        int n = origin.Length;
        if (share < 1)
        {
            float[] variance = [.. Enumerable.Range(0, n).Select(i => (float)Variance([.. models.Select(m => (double)m[i])]))];
            HashSet<int> kept = [.. Enumerable.Range(0, n).OrderByDescending(i => variance[i]).Take((int)(variance.Count(v => v != 0) * share))];
            foreach (double[] d in differences)
            {
                for (int i = 0; i < n; i++) d[i] = kept.Contains(i) ? d[i] : 0;
            }
        }

        double[] energy = [.. differences.Select(d => d.Sum(v => v * v) / n)];
        double total = energy.Sum();
        double[] weights = [.. energy.Select(e => total < 1e-6 ? 1.0 / energy.Length : e / total)];
        return [.. Enumerable.Range(0, n).Select(i =>
        {
            double sign = differences.Sum(d => d[i]) >= 0 ? 1 : -1;
            int[] agree = [.. Enumerable.Range(0, differences.Length).Where(k => differences[k][i] * sign > 0)];
            double divisor = agree.Sum(k => weights[k]);
            return origin[i] + (divisor == 0 ? 0 : agree.Sum(k => weights[k] * differences[k][i]) / divisor);
        })];
    }

    /// <summary>RAM, and RAM+ with r above 0.</summary>
    public static double[] Ram(float[] origin, float[][] models, double epsilon, double r = 0, double alpha = 0)
    {
        double[][] owned = [.. models.Select(x => x.Zip(origin, (a, b) => Math.Abs((double)(a - b)) > epsilon ? (double)(a - b) : 0).ToArray())];
        int[] owners = [.. Enumerable.Range(0, origin.Length).Select(i => owned.Count(d => d[i] != 0))];
        double[] lone = [.. owned.Select(d =>
        {
            int alone = Enumerable.Range(0, origin.Length).Count(i => d[i] != 0 && owners[i] == 1), shared = Enumerable.Range(0, origin.Length).Count(i => d[i] != 0 && owners[i] > 1);
            return 1 + (r * Math.Min(shared / Math.Max(alone, Math.Max(epsilon, 1e-300)), alpha));
        })];
        return [.. Enumerable.Range(0, origin.Length).Select(i => origin[i] + owners[i] switch
        {
            0 => 0,
            1 => owned.Select((d, k) => lone[k] * d[i]).Sum(),
            var n => owned.Sum(d => d[i]) / n,
        })];
    }

    private static double Variance(double[] values)
    {
        double mean = values.Average();
        return values.Average(v => (v - mean) * (v - mean));
    }

    private static double[] Thin(double[] difference, Model numbers, bool window, bool rescale)
    {
        int n = difference.Length;
        if (numbers.Density >= 1) return difference;
        int middle = Math.Max(1, (int)(numbers.Density * n)), top = window ? Math.Min((int)(numbers.Gamma * n), n - middle) : 0;
        HashSet<int> kept = [.. Enumerable.Range(0, n).OrderByDescending(i => Math.Abs(difference[i])).Skip(top).Take(numbers.Density <= 0 ? 0 : middle)];
        double[] thinned = [.. difference.Select((d, i) => kept.Contains(i) ? d : 0)];
        double before = difference.Sum(Math.Abs), after = thinned.Sum(Math.Abs);
        return rescale && after > 0 ? [.. thinned.Select(d => d * (before / after))] : thinned;
    }
}
