using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>
/// Two merges with random masks of the same kind, compared by what does not depend on the random numbers: the share of elements that change, and where one model is merged
/// that share among small and large differences of a row, and how the kept ones are scaled.
/// </summary>
internal static class RandomMasks
{
    /// <summary>Five standard deviations of the difference of two shares: one in two million falls outside.</summary>
    private const double Deviations = 5;

    public static void AssertAlike(string name, Checkpoint actual, Checkpoint expected)
    {
        string suffix = name.EndsWith("bf16", StringComparison.Ordinal) ? "-bf16" : "";
        bool isOne = name is not ("random-dare-ties" or "random-della");
        using Checkpoint origin = MergekitSet.Model($"llama-base{suffix}"), model = MergekitSet.Model($"llama-a{suffix}");
        var ours = new Counts();
        var theirs = new Counts();
        foreach (string tensor in expected.Names)
        {
            double[] b = MergekitSet.Values(origin, tensor), d = Difference(MergekitSet.Values(model, tensor), b);
            double[] found = Difference(MergekitSet.Values(actual, tensor), b), wanted = Difference(MergekitSet.Values(expected, tensor), b);
            Assert.All(found, x => Assert.True(double.IsFinite(x)));
            int[] thirds = Thirds(d, expected[tensor]);
            ours.Add(found, d, thirds);
            theirs.Add(wanted, d, thirds);
            if (isOne && suffix.Length == 0) AssertScaled(name, tensor, found, d, b);
        }

        for (int third = 0; third <= 3; third++)
        {
            (double share, double other, double n) = (ours.Share(third), theirs.Share(third), theirs.All(third));
            double bound = Deviations * Math.Sqrt(2 * other * (1 - other) / n);
            Assert.True(Math.Abs(share - other) <= bound, $"{name}: {share:0.0000} of {n} elements change (part {third}), {other:0.0000} in mergekit's output; {bound:0.0000} is five deviations.");
        }
    }

    /// <summary>Kept elements are the difference times one factor: 1, or the quotient of the two L1 norms with rescale.</summary>
    private static void AssertScaled(string name, string tensor, double[] found, double[] d, double[] b)
    {
        double kept = d.Where((_, i) => found[i] != 0).Sum(Math.Abs);
        if (kept < 1e-7) return;
        double scale = name == "random-dare-linear" ? d.Sum(Math.Abs) / kept : 1;
        for (int i = 0; i < d.Length; i++)
        {
            // Float32 rounds the base plus the difference once, and sums, quotient and product each in their last digits.
            double bound = Math.Pow(2, -23) * ((2 * Math.Abs(b[i])) + (8 * scale * Math.Abs(d[i])));
            Assert.True(found[i] == 0 || Math.Abs(found[i] - (scale * d[i])) <= bound, $"{name}, {tensor}[{i}]: {found[i]:g9}, expected {scale:g6} times {d[i]:g9}.");
        }
    }

    private static double[] Difference(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x - y)];

    /// <summary>1 to 3: in which third of its row an element's magnitude is; 0 for an element that the model left as it was.</summary>
    private static int[] Thirds(double[] d, TensorEntry entry)
    {
        int width = (int)entry.Shape[entry.Shape.Rank - 1];
        int[] thirds = new int[d.Length];
        for (int row = 0; row < d.Length; row += width)
        {
            int[] order = [.. Enumerable.Range(row, width).OrderBy(i => Math.Abs(d[i]))];
            for (int rank = 0; rank < width; rank++) thirds[order[rank]] = d[order[rank]] == 0 ? 0 : 1 + (rank * 3 / width);
        }

        return thirds;
    }

    /// <summary>Elements that change, and all, by third; 0 for all thirds together.</summary>
    private sealed class Counts
    {
        private readonly long[] _changed = new long[4];
        private readonly long[] _all = new long[4];

        public double All(int third) => _all[third];

        public double Share(int third) => (double)_changed[third] / _all[third];

        public void Add(double[] change, double[] d, int[] thirds)
        {
            for (int i = 0; i < d.Length; i++)
            {
                if (thirds[i] == 0) continue;
                foreach (int part in (int[])[0, thirds[i]])
                {
                    _all[part]++;
                    if (change[i] != 0) _changed[part]++;
                }
            }
        }
    }
}
