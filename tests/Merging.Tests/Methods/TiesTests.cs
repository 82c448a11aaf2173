using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;

namespace MergeEngine.Merging.Tests.Methods;

/// <summary>TIES against sorting, on models full of equal magnitudes and exact cancellations.</summary>
public sealed class TiesTests
{
    [Fact]
    public void Ties_is_trim_by_a_sort_election_and_disjoint_mean()
    {
        int undecided = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            using var models = new RandomModels(seed, tasks: 1 + (seed % 5));
            double density = ((seed % 10) + 1) / 10.0;
            Assert.Equal(Plain(models, density, ref undecided), models.MergeToHost(new Ties(density, 1)));
        }

        Assert.True(undecided > 100, $"Only {undecided} elements cancelled exactly.");
    }

    [Fact]
    public void The_majority_sign_decides_what_cancels_exactly()
    {
        using var models = new RandomModels(1, 2, "cpu", 4);
        models.Base.Values.HostSpan.Clear();
        new[] { 3f, -1, -2, -1 }.CopyTo(models.Vectors[0].Values.HostSpan);
        new[] { -3f, -1, -2, 4 }.CopyTo(models.Vectors[1].Values.HostSpan);
        Assert.Equal([-3f, -1, -2, 4], models.MergeToHost(new Ties(1, 1))[..4]);

        // One minus, one plus, and a third coordinate that cancels: plus.
        new[] { 3f, -1, 0, 5 }.CopyTo(models.Vectors[0].Values.HostSpan);
        new[] { -3f, -1, 0, 4 }.CopyTo(models.Vectors[1].Values.HostSpan);
        Assert.Equal([3f, -1, 0, 4.5f], models.MergeToHost(new Ties(1, 1))[..4]);
    }

    private static float[] Plain(RandomModels models, double density, ref int undecided)
    {
        int length = (int)models.Layout.Length, tasks = models.Vectors.Count;
        var trimmed = new double[tasks][];
        for (int k = 0; k < tasks; k++)
        {
            float[] vector = models.Vectors[k].Values.HostSpan.ToArray();
            trimmed[k] = new double[length];
            int kept = (int)Math.Floor((density * models.Layout.ParameterCount) + 0.5);
            IEnumerable<int> coordinates = models.Layout.Parameters.SelectMany(p => Enumerable.Range((int)p.Offset, (int)p.Length));
            foreach (int i in coordinates.OrderByDescending(i => Math.Abs(vector[i])).ThenBy(i => i).Take(kept)) trimmed[k][i] = vector[i];
        }

        int[] signs = [.. Enumerable.Range(0, length).Select(i => Math.Sign(trimmed.Sum(t => t[i])))];
        int majority = signs.Sum() < 0 ? -1 : 1;
        var merged = new float[length];
        for (int i = 0; i < length; i++)
        {
            if (signs[i] == 0 && trimmed.Any(t => t[i] != 0)) undecided++;
            int sign = signs[i] == 0 ? majority : signs[i];
            double[] agreeing = [.. trimmed.Select(t => t[i]).Where(v => Math.Sign(v) == sign)];
            merged[i] = models.Base.Values.HostSpan[i] + (agreeing.Length == 0 ? 0 : (float)(agreeing.Sum() / agreeing.Length));
        }

        return merged;
    }
}
