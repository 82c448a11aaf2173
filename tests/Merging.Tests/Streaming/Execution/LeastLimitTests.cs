using System.Globalization;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>A memory limit that is too small is found from headers, and the limit that is named instead is the smallest that does.</summary>
public sealed class LeastLimitTests
{
    private const long MiB = 1 << 20;

    /// <summary>Whole tensors (a vector of della, a matrix of tsv), with chunks that grow with the limit beside them, and one tensor merged in float64.</summary>
    [Theory]
    [InlineData("della", 1, "F32")]
    [InlineData("della", 4, "F32")]
    [InlineData("tsv", 4, "F32")]
    [InlineData("iso_c", 4, "F32")]
    [InlineData("ties", 4, "F64")]
    public void The_limit_that_is_named_is_enough_and_one_less_is_not(string method, int threads, string type)
    {
        using var models = new GeneratedModels();
        (string, long[])[] tensors = [("long.weight", method is "tsv" or "iso_c" ? [1_000_000, 4] : [4_000_000]), ("small.weight", [700, 300])];
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, Enum.Parse<MergeEngine.Tensors.Numerics.DType>(type), tensors);
        using MergeJob job = models.Plan(MethodRecipes.Of(method));
        using Device device = Device.Open("cpu", threads);
        ExecutionOptions Limit(long mebibytes) => new() { Device = device, Threads = threads, MemoryLimit = mebibytes * MiB };
        string problem = Assert.Single(Assert.Throws<PlanningException>(() => MergeExecutor.RequirePossible(job, Limit(113))).Problems);
        Assert.Matches("^The tensor \"long.weight\" cannot be merged within the memory limit of 113 MiB; one of [0-9]+ MiB would do.$", problem);
        int enough = int.Parse(problem.Split("one of ")[1].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.InRange(MergeExecutor.Estimate(job, GeneratedModels.Lay(job), Limit(113)).LeastMemory, ((enough - 1) * MiB) + 1, enough * MiB);
        MergeExecutor.RequirePossible(job, Limit(enough));
        Assert.Equal(2, GeneratedModels.Bytes(models.Merge(job, device, Limit(enough))).Count);

        // What headers say is what the pipeline does.
        Assert.Throws<PlanningException>(() => MergeExecutor.RequirePossible(job, Limit(enough - 1)));
        Assert.Throws<InsufficientMemoryException>(() => models.Merge(job, device, Limit(enough - 1)));
    }

    /// <summary>One row of a vector is ranked by one thread, and rows of a matrix in pieces that are shared: more threads need no larger limit.</summary>
    [Theory]
    [InlineData("della", 3_000_000, 1)]
    [InlineData("della", 3, 2_000_000)]
    [InlineData("della_linear", 1000, 3000)]
    public void More_threads_need_no_more_for_ranks(string method, long rows, long columns)
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("long.weight", columns == 1 ? [rows] : [rows, columns])]);
        using MergeJob job = models.Plan(MethodRecipes.Of(method));
        long LeastFor(int threads)
        {
            using Device device = Device.Open("cpu", threads);
            return MergeExecutor.Estimate(job, GeneratedModels.Lay(job), new ExecutionOptions { Device = device, Threads = threads, MemoryLimit = 160 * MiB }).LeastMemory;
        }

        long least = LeastFor(1);
        Assert.Equal(columns > 1000 && rows < 1000 || columns == 1, least > MergeExecutor.LeastMemoryLimit);
        // Within the smallest limit a merge on more threads may take more.
        Assert.All([2, 4, 16], threads => Assert.InRange(LeastFor(threads), 0, Math.Max(least, MergeExecutor.LeastMemoryLimit)));
    }

    /// <summary>Tensors that are read in several passes may stay in memory; what that takes depends on the limit.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Every_limit_that_a_plan_takes_is_kept_by_the_merge(int threads)
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("a.weight", [1000, 1000]), ("b.weight", [300, 3000])]);
        using MergeJob job = models.Plan(MethodRecipes.Of("ties"));
        using Device device = Device.Open("cpu", threads);
        int possible = 0;
        for (int mebibytes = 64; mebibytes <= 160; mebibytes += 16)
        {
            var options = new ExecutionOptions { Device = device, Threads = threads, MemoryLimit = mebibytes * MiB };
            bool isPossible = Record.Exception(() => MergeExecutor.RequirePossible(job, options)) is null;
            Assert.Equal(isPossible, Record.Exception(() => models.Merge(job, device, options, hash: false)) is null);
            if (isPossible) possible++;
        }

        Assert.InRange(possible, 1, 7);
    }

    /// <summary>
    /// What these methods hold to save themselves passes (candidates, variances: 10 to 32 MB here where there is room; masks are an eighth of that) is no reason to refuse a limit: the smallest one leaves 16 MiB, within
    /// which all of it must be, and changes no bit.
    /// </summary>
    [Theory]
    [InlineData("ties", 4)]
    [InlineData("sce", 4)]
    public void What_only_saves_passes_is_no_reason_to_refuse_a_limit(string method, int threads)
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("long.weight", [2_000, 2_500])]);
        using MergeJob job = models.Plan(MethodRecipes.Of(method, method == "sce" ? "parameters: {select_topk: 0.3}" : ""));
        using Device device = Device.Open("cpu", threads);
        ExecutionOptions Limit(long mebibytes) => new() { Device = device, Threads = threads, MemoryLimit = mebibytes * MiB };
        long least = MergeExecutor.LeastMemoryLimit / MiB;
        TensorNeeds Needs(ExecutionOptions options) => TensorNeeds.Of(job.Tensors[0], 0, device, new MemoryPlan(options, job));
        Assert.True(Needs(Limit(least)).Flow.WorkingBytes <= 8 * MiB && Needs(Limit(512)).Flow.WorkingBytes > 8 * MiB);
        MergeExecutor.RequirePossible(job, Limit(least));
        Assert.InRange(MergeExecutor.Estimate(job, GeneratedModels.Lay(job), Limit(least)).PeakMemory, 0, least * MiB);
        Assert.InRange(MergeExecutor.Estimate(job, GeneratedModels.Lay(job), Limit(512)).LeastMemory, 0, least * MiB);
        Assert.Equal(GeneratedModels.Bytes(models.Merge(job, device, Limit(512), hash: false)), GeneratedModels.Bytes(models.Merge(job, device, Limit(least), hash: false)));
    }

    [Fact]
    public void A_merge_and_its_preview_refuse_the_limit_before_anything_is_written()
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("a.bias", [2_000_000]), ("b.bias", [3_000_000]), ("c.bias", [3_000_000])]);
        RecipeFile file = RecipeFile.Parse(MethodRecipes.Of("della"), "r.yml", p => Path.Exists(models.File(p)));
        using Device device = Device.Open("cpu", 1);
        var options = new MergeOptions { WorkingDirectory = models.Root, Output = "out", Device = device, Threads = 1, MemoryLimit = 113 * MiB };
        const string Pattern = "^The tensor \"[bc].bias\" and 2 others cannot be merged within the memory limit of 113 MiB; one of [0-9]+ MiB would do.$";
        Assert.Matches(Pattern, Assert.Throws<PlanningException>(() => MergeRun.Run(file, options)).Message);
        Assert.Matches(Pattern, Assert.Throws<PlanningException>(() => MergePreview.Describe(file, options)).Message);
        Assert.Equal(["models"], Directory.GetFileSystemEntries(models.Root).Select(Path.GetFileName));
    }
}
