namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>The methods that look at whole models, written down once more as plain float64 loops over the flat vector, with sorts in the place of searches.</summary>
internal static class WholeModelReference
{
    /// <summary>d_k, rounded to float32 as task vectors are.</summary>
    public static double[][] Differences(float[] origin, float[][] models) =>
        [.. models.Select(x => x.Select((v, i) => (double)(v - origin[i])).ToArray())];

    public static double[] TaskArithmetic(float[] origin, double[][] d, double[] weights, Func<int, double> factor, bool[]? mask = null) =>
        [.. origin.Select((b, i) => b + (mask is null || mask[i] ? factor(i) * d.Select((v, k) => weights[k] * v[i]).Sum() : 0))];

    /// <summary>TATR's mask by the double sum over pairs and a sort. Elements that are not counted are not live.</summary>
    public static bool[] TrustRegion(double[][] d, double[][]? gradients, bool[] counted, double rho)
    {
        int n = d[0].Length, tasks = d.Length;
        var live = Enumerable.Range(0, n).Where(i => counted[i] && d.Any(v => v[i] != 0)).ToArray();
        double Omega(int i)
        {
            double sum = 0;
            for (int j = 0; j < tasks; j++)
            {
                for (int k = 0; k < tasks; k++)
                {
                    if (k != j) sum += (gradients is null ? Math.Abs(d[j][i]) : gradients[j][i]) * Math.Abs(d[k][i]);
                }
            }

            return sum;
        }

        bool[] kept = [.. Enumerable.Repeat(true, n)];
        if (tasks == 1) return kept;
        // A stable sort: equal ones stay in the order of their indices.
        foreach (int i in live.OrderByDescending(Omega).Take(live.Length - (int)Math.Floor((rho * live.Length) + 0.5))) kept[i] = false;
        return kept;
    }

    public static double[] Ties(float[] origin, double[][] d, double[] densities, double[] weights, double lambda)
    {
        int n = origin.Length;
        double[][] trimmed = [.. d.Select((v, k) =>
        {
            var kept = Enumerable.Range(0, n).OrderByDescending(i => Math.Abs(v[i])).Take((int)Math.Floor((densities[k] * n) + 0.5)).ToHashSet();
            return v.Select((x, i) => kept.Contains(i) ? x : 0).ToArray();
        })];
        int[] signs = [.. Enumerable.Range(0, n).Select(i => Math.Sign(trimmed.Sum(v => v[i])))];
        int majority = signs.Sum() < 0 ? -1 : 1;
        return [.. origin.Select((b, i) => b + (lambda * WeightedMean(trimmed, weights, i, signs[i] == 0 ? majority : signs[i])))];
    }

    public static double[] Consensus(float[] origin, double[][] d, double[] weights, double[] maskLambdas, int least, double lambda)
    {
        bool[] mask = [.. Enumerable.Range(0, origin.Length).Select(i => d.Where((v, t) => Math.Abs(v[i]) > maskLambdas[t] * Math.Abs(d.Sum(o => o[i]) - v[i])).Count() >= least)];
        return TaskArithmetic(origin, d, weights, _ => lambda, mask);
    }

    public static double[] Emr(float[] origin, double[][] d, int task, double lambda)
    {
        int n = origin.Length;
        double[] unified = [.. Enumerable.Range(0, n).Select(i =>
        {
            int sign = d.Sum(v => v[i]) >= 0 ? 1 : -1;
            return sign * d.Where(v => Math.Sign(v[i]) == sign).Select(v => Math.Abs(v[i])).DefaultIfEmpty(0).Max();
        })];
        double[] masked = [.. unified.Select((u, i) => u * d[task][i] > 0 ? u : 0)];
        double size = masked.Sum(Math.Abs), rescale = size > 0 ? d[task].Sum(Math.Abs) / size : 1;
        return [.. origin.Select((b, i) => b + (lambda * rescale * masked[i]))];
    }

    /// <summary>LiNeS' factor at the first layer.</summary>
    public static double Alpha(double[][] d, double[] weights)
    {
        double Norm(double[] w) => Enumerable.Range(0, d[0].Length).Sum(i => Math.Abs(d.Select((v, k) => w[k] * v[i]).Sum()));
        return Norm([.. d.Select(_ => 1.0)]) / Norm(weights) / d.Length;
    }

    /// <summary>PCB as the authors' pcb.py has it, with sorts; competition that is lost has no weight.</summary>
    public static double[] Pcb(float[] origin, double[][] d, double[] weights, double ratio, double lambda)
    {
        int n = origin.Length, tasks = d.Length;
        double[][] clipped = [.. d.Select(v =>
        {
            double[] sorted = [.. v.Select(Math.Abs).Order()];
            return v.Select(x => Math.Sign(x) * Math.Clamp(Math.Abs(x), sorted[(int)(n * 0.01)], Math.Max(sorted[(int)(n * 0.01)], sorted[Math.Max(0, (int)((n * 0.99) - 1))]))).ToArray();
        })];
        double[][] shares = [.. d.Select((v, k) =>
        {
            double[] sorted = [.. v.Select(Math.Abs).Order()];
            double low = sorted[(int)(n * 0.01)], high = sorted[Math.Max(0, (int)((n * 0.99) - 1))];
            return v.Select(x => high > low ? (Math.Clamp(Math.Abs(x), low, high) - low) / (high - low) : 0).ToArray();
        })];
        double[][] scales = [.. d.Select((v, k) =>
        {
            double[] scores = [.. v.Select((x, i) => Math.Max(0, Math.Exp(tasks * shares[k][i] * shares[k][i]) * Math.Tanh(x * d.Select((o, j) => Math.Sign(o[i]) * shares[j][i]).Sum())))];
            double[] sorted = [.. scores.Order()];
            double low = sorted[Math.Min(n - 1, (int)((1 - ratio) * n))], high = sorted[^1];
            return scores.Select(b => high > low ? (Math.Max(b, low) - low) / (high - low) : 0).ToArray();
        })];
        return [.. origin.Select((b, i) => b + (lambda * clipped.Select((c, k) => weights[k] * scales[k][i] * c[i]).Sum() / Math.Max(scales.Sum(s => s[i]), 1e-12)))];
    }

    public static double[] Fisher(float[] origin, float[][] models, float[][] information, double[] weights, double floor, bool normalize)
    {
        double[] factors = [.. weights.Select((w, k) => normalize ? w / Math.Sqrt(information[k].Sum(f => (double)f * f)) : w)];
        return [.. origin.Select((b, i) =>
        {
            double[] c = [.. factors.Select((f, k) => f * Math.Max(information[k][i], floor))];
            return c.Sum() == 0 ? b : c.Select((x, k) => x * models[k][i]).Sum() / c.Sum();
        })];
    }

    private static double WeightedMean(double[][] values, double[] weights, int i, int sign)
    {
        int[] agree = [.. Enumerable.Range(0, values.Length).Where(k => Math.Sign(values[k][i]) == sign)];
        return agree.Length == 0 ? 0 : agree.Sum(k => weights[k] * values[k][i]) / agree.Sum(k => weights[k]);
    }
}
