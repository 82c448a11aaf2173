using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>A model of very many small tensors: its headers and the plan are what takes memory.</summary>
[Collection(nameof(Support.AloneCollection))]
public sealed class PlanMemoryTests
{
    /// <summary>
    /// What stands in memory is less than the estimate, which has room for the collector, and more than a third of it: an estimate that is far too large would refuse merges that are
    /// possible. Measured by the collector, after all other tests.
    /// </summary>
    [Theory]
    [InlineData("linear", 2)]
    [InlineData("ties", 4)]
    public void Headers_and_plan_take_what_the_estimate_counts(string method, int models)
    {
        const int Tensors = 20_000;
        using var directory = new TemporaryDirectory();
        var contents = Enumerable.Range(0, Tensors).Select(i => TensorContent.FromFloat32($"model.layers.{i / 100}.block.{i % 100}.weight", new Shape(1), new float[] { i })).ToArray();
        for (int m = 0; m < models; m++)
        {
            Directory.CreateDirectory(directory.File($"m{m}"));
            SafetensorsWriter.Write(directory.File($"m{m}/model.safetensors"), contents);
        }

        string list = string.Concat(Enumerable.Range(0, models - 1).Select(m => $"  - {{model: {directory.File($"m{m}")}, parameters: {{weight: {m + 1}}}}}\n"));
        Recipe recipe = RecipeFile.Parse($"merge_method: {method}\nbase_model: {directory.File($"m{models - 1}")}\nparameters: {{weight: 1}}\nmodels:\n{list}", "r.yml").Recipes[0];
        contents = [];
        long held = 0, counted = 0;
        // Memory of other tests that is given back meanwhile makes a measurement too small, never too large.
        for (int round = 0; round < 3; round++)
        {
            long before = Settled();
            using MergeJob job = MergePlanner.Plan(recipe, new PlanOptions());
            OutputPlan plan = OutputPlan.Create(job.Tensors.Select(t => new OutputTensor(t.Name, t.DType, t.Shape)));
            held = Math.Max(held, Settled() - before);
            counted = MemoryPlan.BytesOf(job);
            Assert.Equal(Tensors, plan.Tensors.Count);
            Assert.Equal(Tensors * models, job.Tensors.Sum(t => t.Sources.Count));
        }

        Assert.InRange(held, counted / 3, counted);
    }

    /// <summary>Live bytes, when nothing that other tests left behind waits for its finalizer.</summary>
    private static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
