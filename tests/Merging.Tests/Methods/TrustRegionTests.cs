using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Methods;

/// <summary>What must hold of a trust region whatever the numbers are.</summary>
public sealed class TrustRegionTests
{
    [Theory, InlineData(false), InlineData(true)]
    public void One_task_is_plain_task_arithmetic(bool zeroShot)
    {
        using var models = new RandomModels(1, tasks: 1);
        Assert.Equal(models.MergeToHost(new TaskArithmetic(0.3)), models.MergeToHost(new Tatr(new TrustRegion(0.5, zeroShot), 0.3), gradients: false));
        Assert.Equal(models.MergeToHost(new Ties()), models.MergeToHost(new InTrustRegion(new TrustRegion(0.5, zeroShot), new Ties()), gradients: false));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Keeping_everything_is_plain_task_arithmetic(bool zeroShot)
    {
        using var models = new RandomModels(2);
        Assert.Equal(models.MergeToHost(new TaskArithmetic(0.3)), models.MergeToHost(new Tatr(new TrustRegion(1, zeroShot), 0.3), gradients: false));
        Assert.Equal(models.MergeToHost(new Ties()), models.MergeToHost(new InTrustRegion(new TrustRegion(1, zeroShot), new Ties()), gradients: false));
    }

    [Fact]
    public void The_mask_is_that_of_a_double_loop_and_a_sort()
    {
        foreach (bool zeroShot in new[] { false, true })
        {
            for (int seed = 0; seed < 30; seed++)
            {
                using var models = new RandomModels(seed, tasks: 2 + (seed % 4));
                double rho = seed % 5 * 0.25;
                Assert.Equal(PlainMask(models, rho, zeroShot), Mask(models, new TrustRegion(rho, zeroShot)));
            }
        }
    }

    [Fact]
    public void The_dropped_number_is_the_live_less_the_rounded_kept()
    {
        using var models = new RandomModels(4);
        foreach (double rho in new[] { 0, 0.001, 0.5, 0.9, 0.99, 0.999, 1 })
        {
            byte[] mask = Mask(models, new TrustRegion(rho));
            long live = Enumerable.Range(0, mask.Length).Count(i => models.Vectors.Any(v => v.Values.HostSpan[i] != 0));
            Assert.Equal(live - (long)Math.Floor((rho * live) + 0.5), mask.Count(m => m == 0));
        }
    }

    [Fact]
    public void Frozen_parameters_are_never_dropped_and_do_not_move_the_threshold()
    {
        using var models = new RandomModels(6);
        byte[] before = Mask(models, new TrustRegion(0.8));
        Parameter frozen = models.Layout.Parameters[2];
        foreach (ParameterVector vector in models.Vectors) vector[frozen].HostSpan.Clear();
        byte[] after = Mask(models, new TrustRegion(0.8));
        Assert.DoesNotContain((byte)0, after.AsSpan((int)frozen.Offset, (int)frozen.Length).ToArray());

        // A model that never had the parameter drops the same coordinates.
        using var smaller = new RandomModels(6, 4, "cpu", 7, 33, 1, 130);
        CopyOthers(models, smaller, frozen.Name);
        byte[] without = Mask(smaller, new TrustRegion(0.8));
        Assert.Equal(Packed(models, after, frozen.Name), Packed(smaller, without, ""));
        Assert.NotEqual(before, after);
    }

    [Fact]
    public void Disjoint_supports_still_have_sensitivity_where_another_task_has_a_gradient()
    {
        using var models = new RandomModels(7, tasks: 2);
        for (int i = 0; i < models.Layout.Length; i++) models.Vectors[i % 2].Values.HostSpan[i] = 0;
        byte[] mask = Mask(models, new TrustRegion(0.9));
        Assert.Contains((byte)0, mask);
        for (int i = 0; i < mask.Length; i++)
        {
            if (mask[i] != 0) continue;
            int moved = models.Vectors[0].Values.HostSpan[i] != 0 ? 0 : 1;
            Assert.NotEqual(0, models.Gradients[1 - moved].Values.HostSpan[i]);
        }
    }

    [Fact]
    public void The_order_of_the_tasks_and_the_scale_of_the_task_vectors_do_not_change_the_mask()
    {
        using var models = new RandomModels(9);
        byte[] expected = Mask(models, new TrustRegion(0.7));
        models.Vectors.Reverse();
        models.Gradients.Reverse();
        Assert.Equal(expected, Mask(models, new TrustRegion(0.7)));
        foreach (ParameterVector vector in models.Vectors) models.Device.Operations.Scale(vector.Values, 8);
        Assert.Equal(expected, Mask(models, new TrustRegion(0.7)));
    }

    [Fact]
    public void Scaling_one_tasks_gradient_changes_the_mask()
    {
        using var models = new RandomModels(10);
        byte[] before = Mask(models, new TrustRegion(0.7));
        models.Device.Operations.Scale(models.Gradients[0].Values, 100);
        Assert.NotEqual(before, Mask(models, new TrustRegion(0.7)));
    }

    [Fact]
    public void One_mask_serves_all_tasks_and_dropped_coordinates_keep_the_bases_bits()
    {
        using var models = new RandomModels(11);
        byte[] mask = Mask(models, new TrustRegion(0.6));
        float[] plain = models.MergeToHost(new TaskArithmetic(0.3));
        float[] merged = models.MergeToHost(new Tatr(new TrustRegion(0.6), 0.3));
        for (int i = 0; i < mask.Length; i++) Assert.Equal(mask[i] == 0 ? models.Base.Values.HostSpan[i] : plain[i], merged[i]);
    }

    private static byte[] Mask(RandomModels models, TrustRegion region)
    {
        using var chosen = TaskVectors.FromModels("base", models.Base, [.. models.Vectors.Select((_, k) => new NamedModel($"t{k}", models.Base))]);
        for (int k = 0; k < chosen.Count; k++) chosen.Vectors[k].CopyFrom(models.Vectors[k]);
        using var mask = TrustRegionMask.Compute(region, chosen, region.ZeroShot ? null : models.Gradients);
        return mask.Kept.HostSpan.ToArray();
    }

    /// <summary>Equation 5 as it stands, all ordered pairs, then a sort by falling Ω and rising index.</summary>
    private static byte[] PlainMask(RandomModels models, double rho, bool zeroShot)
    {
        int length = (int)models.Layout.Length, tasks = models.Vectors.Count;
        var omega = new double[length];
        var live = new List<int>();
        for (int i = 0; i < length; i++)
        {
            for (int j = 0; j < tasks; j++)
            {
                double gradient = Math.Abs((zeroShot ? models.Vectors : models.Gradients)[j].Values.HostSpan[i]);
                for (int k = 0; k < tasks; k++)
                {
                    if (k != j) omega[i] += gradient * Math.Abs(models.Vectors[k].Values.HostSpan[i]);
                }
            }

            if (models.Vectors.Any(v => v.Values.HostSpan[i] != 0)) live.Add(i);
        }

        var mask = new byte[length];
        Array.Fill(mask, (byte)1);
        int dropped = live.Count - (int)Math.Floor((rho * live.Count) + 0.5);
        foreach (int i in live.OrderByDescending(i => omega[i]).ThenBy(i => i).Take(dropped)) mask[i] = 0;
        return mask;
    }

    private static void CopyOthers(RandomModels from, RandomModels to, string without)
    {
        Parameter[] kept = [.. from.Layout.Parameters.Where(p => p.Name != without)];
        for (int p = 0; p < kept.Length; p++)
        {
            for (int k = 0; k < to.Vectors.Count; k++)
            {
                from.Vectors[k][kept[p]].HostSpan.CopyTo(to.Vectors[k][to.Layout.Parameters[p]].HostSpan);
                from.Gradients[k][kept[p]].HostSpan.CopyTo(to.Gradients[k][to.Layout.Parameters[p]].HostSpan);
            }
        }
    }

    private static byte[] Packed(RandomModels models, byte[] mask, string without) =>
        [.. models.Layout.Parameters.Where(p => p.Name != without).SelectMany(p => mask.AsSpan((int)p.Offset, (int)p.Length).ToArray())];
}
