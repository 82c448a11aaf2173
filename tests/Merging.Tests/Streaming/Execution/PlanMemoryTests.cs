using System.Globalization;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Planning.Reports;
using MergeEngine.Tensors;
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
    [InlineData("linear", 2, true)]
    [InlineData("linear", 2, false)]
    [InlineData("ties", 4, true)]
    [InlineData("ties", 4, false)]
    public void Headers_and_plan_take_what_the_estimate_counts(string method, int models, bool alike)
    {
        const int Tensors = 20_000;
        using var directory = new TemporaryDirectory();
        var contents = Enumerable.Range(0, Tensors).Select(i => TensorContent.FromFloat32($"model.layers.{i / 100}.block.{i % 100}.weight", new Shape(1), new float[] { i })).ToArray();
        for (int m = 0; m < models; m++)
        {
            Directory.CreateDirectory(directory.File($"m{m}"));
            // Models with equal headers have one table between them; other metadata is another header.
            SafetensorsWriter.Write(directory.File($"m{m}/model.safetensors"), contents, alike ? null : new Dictionary<string, string> { ["model"] = $"{m}" });
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

    [Fact]
    public void A_limit_that_headers_and_plan_do_not_fit_in_is_refused_with_the_smallest_that_would_do()
    {
        const int Tensors = 60_000;
        using var directory = new TemporaryDirectory();
        SafetensorsWriter.Write(
            directory.File("model.safetensors"), [.. Enumerable.Range(0, Tensors).Select(i => TensorContent.FromFloat32($"model.layers.{i / 100}.block.{i % 100}.weight", new Shape(1), new float[] { i }))]);
        Recipe recipe = RecipeFile.Parse($"merge_method: passthrough\nmodels: [{{model: {directory.File("model.safetensors")}}}]\n", "r.yml").Recipes[0];
        using MergeJob job = MergePlanner.Plan(recipe, new PlanOptions());
        using Device device = Device.Open("cpu", 1);
        ExecutionOptions Limit(long mebibytes) => new() { Device = device, Threads = 1, MemoryLimit = mebibytes << 20 };
        string problem = Assert.Single(Assert.Throws<PlanningException>(() => MergeExecutor.RequirePossible(job, Limit(80))).Problems);
        Assert.Matches("^Headers and plan of 60000 tensors do not fit beside the program within the memory limit of 80 MiB; one of [0-9]+ MiB would do.$", problem);
        int enough = int.Parse(problem.Split("one of ")[1].Split(' ')[0], CultureInfo.InvariantCulture);
        MergeExecutor.RequirePossible(job, Limit(enough));
        Assert.InRange(MergeExecutor.Estimate(job, GeneratedModels.Lay(job), Limit(80)).LeastMemory, ((enough - 1L) << 20) + 1, (long)enough << 20);

        // Kept to a tenth.
        MergeExecutor.RequirePossible(job, Limit((enough * 10 / 11) + 1));
        Assert.Throws<PlanningException>(() => MergeExecutor.RequirePossible(job, Limit((enough * 10 / 11) - 1)));
    }

    /// <summary>The text of 20,000 tensors has megabytes, and so have their reports; both are made a tensor at a time, so what a plan that is shown holds is a small part of that.</summary>
    [Fact]
    public void A_plan_is_shown_a_tensor_at_a_time()
    {
        const int Tensors = 20_000;
        using var directory = new TemporaryDirectory();
        SafetensorsWriter.Write(
            directory.File("model.safetensors"), [.. Enumerable.Range(0, Tensors).Select(i => TensorContent.FromFloat32($"model.layers.{i / 100}.block.{i % 100}.weight", new Shape(1), new float[] { i }))]);
        Recipe recipe = RecipeFile.Parse($"merge_method: passthrough\nmodels: [{{model: {directory.File("model.safetensors")}}}]\n", "r.yml").Recipes[0];
        using MergeJob job = MergePlanner.Plan(recipe, new PlanOptions());
        using Device device = Device.Open("cpu", 1);
        long before = Settled(), most = 0, characters = 0;
        PlanReport report = PlanReporter.Describe(job, recipe, new ExecutionOptions { Device = device, Threads = 1 });
        int lines = 0;
        var text = new Counted(line =>
        {
            characters += line;
            // Now and then, as looking is slow.
            if (++lines % 2000 == 0) most = Math.Max(most, Settled() - before);
        });
        PlanText.Write(report, text);
        Assert.InRange(characters, 50 * Tensors, 1000 * Tensors);
        Assert.InRange(most, 0, 2 * characters / 4);
        Assert.Equal(report.Tensors[Tensors / 2].Name, job.Tensors[Tensors / 2].Name);
    }

    /// <summary>Counts the characters of lines and keeps nothing.</summary>
    private sealed class Counted(Action<int> wrote) : StringWriter(CultureInfo.InvariantCulture)
    {
        public override void WriteLine(string? value) => wrote((value?.Length ?? 0) + 1);
    }

    /// <summary>Live bytes, when nothing that other tests left behind waits for its finalizer.</summary>
    private static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
