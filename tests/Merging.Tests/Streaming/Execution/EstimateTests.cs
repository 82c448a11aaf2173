using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>What a plan says of bytes against what an execution counts.</summary>
public sealed class EstimateTests
{
    [Theory]
    [InlineData("linear", 512)]
    [InlineData("ties", 512)]
    [InlineData("ties", 100)]
    [InlineData("model_stock", 100)]
    [InlineData("dare_ties", 100)]
    public void The_bytes_that_are_read_and_written_are_those_of_the_estimate(string method, int mebibytes)
    {
        using var models = new GeneratedModels();

        // At 100 MiB tensors that are read in every pass: 30 MB each, where 36 MiB are left for two threads.
        (string, long[])[] tensors = [("a.weight", [1000, 2000]), ("b.weight", [700, 3000])];
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: tensors);
        using MergeJob job = models.Plan(MethodRecipes.Of(method));
        using Device device = Device.Open("cpu", 2);
        var options = new ExecutionOptions { Device = device, Threads = 2, MemoryLimit = (long)mebibytes << 20, Times = new StageTimes() };
        OutputPlan plan = GeneratedModels.Lay(job);
        ExecutionEstimate estimate = MergeExecutor.Estimate(job, plan, options);
        using InputFiles inputs = InputFiles.Open(job);
        using OutputDirectory output = OutputDirectory.Open(models.File("out"), plan, GeneratedModels.Describe(inputs), new OutputOptions { Threads = 2, Times = options.Times });
        var steps = new List<ExecutionProgress>();
        ExecutionSummary summary = MergeExecutor.Execute(job, plan, output, inputs, options, new Steps(steps));
        Assert.Equal(estimate.WriteBytes, summary.WrittenBytes);
        Assert.InRange(estimate.PeakMemory, estimate.LeastMemory, options.MemoryLimit);
        Assert.Equal(steps[^1].TotalBytes, steps[^1].DoneBytes);
        Assert.Equal(steps.Select(s => s.DoneBytes).Order(), steps.Select(s => s.DoneBytes));

        // Values from 1401 steps: many equal magnitudes straddle a limit, which takes passes more than usual.
        long once = job.Tensors.Sum(t => t.Sources.Count * t.Shape.ElementCount * sizeof(float)), extra = method == "ties" && mebibytes == 100 ? 3 * once : 0;
        // A sample saves one pass of those for limits.
        long saved = extra > 0 ? once : 0;
        Assert.InRange(summary.ReadBytes, estimate.ReadBytes - saved, estimate.ReadBytes + extra);
        Assert.Equal(summary.ReadBytes > once, method is "ties" or "model_stock" or "dare_ties" && mebibytes == 100);

        // A profile counts each of these bytes once, and apart from them what is read for further passes; a sample is no pass.
        long Of(MergeStage stage) => MergeProfile.Of(options.Times, 1, 2, 10).Stages.SingleOrDefault(s => s.Stage == stage)?.Bytes ?? 0;
        Assert.Equal(plan.FileBytes, Of(MergeStage.Writing));
        Assert.Equal(once, Of(MergeStage.Reading));
        long again = Of(MergeStage.ReadingAgain) / once * once;
        Assert.InRange(again, method == "linear" ? 0 : once, method == "linear" ? 0 : method == "ties" ? 5 * once : once);
        Assert.Equal(mebibytes == 100 ? again : 0, summary.ReadBytes - once);
    }

    /// <summary>Passes over the model and what follows them: the first reads the files, whatever it is for, all others read them again.</summary>
    [Theory]
    [InlineData("ties")]
    [InlineData("pcb")]
    [InlineData("task_arithmetic")]
    public void What_passes_over_the_model_have_read_is_read_again_after_them(string method)
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("a.weight", [100, 2000]), ("b.weight", [70, 3000])]);
        using MergeJob job = models.Plan(MethodRecipes.Of(method, method == "pcb" ? "" : "dialect: paper"));
        using Device device = Device.Open("cpu", 2);
        var times = new StageTimes();
        models.Merge(job, device, new ExecutionOptions { Device = device, Threads = 2, Times = times }, hash: false);
        long Of(MergeStage stage) => MergeProfile.Of(times, 1, 2, 10).Stages.SingleOrDefault(s => s.Stage == stage)?.Bytes ?? 0;
        long once = job.Tensors.Sum(t => t.Sources.Count * t.Shape.ElementCount * sizeof(float));
        Assert.Equal(once, Of(MergeStage.Reading));
        Assert.Equal(0, Of(MergeStage.ReadingAgain) % once);
        Assert.Equal(method != "task_arithmetic", Of(MergeStage.ReadingAgain) > 0);
    }

    [Fact]
    public void A_profile_compares_bytes_of_files_with_a_copy_that_reads_and_writes_them()
    {
        var times = new StageTimes();
        times.Add(MergeStage.Reading, StageTimes.Start(times), 6_000_000_000);
        times.Add(MergeStage.Writing, StageTimes.Start(times), 1_000_000_000);
        MergeProfile profile = MergeProfile.Of(times, 2, 2, 10);
        Assert.Equal(1.4, profile.FloorSeconds, 1e-9);
        Assert.All(profile.Stages.Where(s => s.Bytes > 0), s => Assert.Equal(2 * s.Gbps!.Value / 5, s.OfCopy!.Value, 1e-9 * s.OfCopy.Value));
    }

    private sealed class Steps(List<ExecutionProgress> steps) : IProgress<ExecutionProgress>
    {
        public void Report(ExecutionProgress value) => steps.Add(value);
    }
}
