using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.Tests.Streaming.Properties;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>The passes that a plan announces, against those that an execution makes and reports.</summary>
public sealed class PassTests
{
    public static TheoryData<string, Dialect> Methods => MergePropertyTests.Methods;

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_merge_makes_no_more_passes_than_were_planned(string method, Dialect dialect)
    {
        using var run = new Run(method, dialect);

        // Searches end as soon as nothing is left to tell apart; and few of a tensor's own begin without a sample, as these do not.
        bool endsEarly = run.Estimate.UsualPasses < run.Estimate.Passes || (method, dialect) is ("ties", Dialect.Paper) or ("tatr", _);
        Assert.InRange(run.Passes, endsEarly ? 1 : Math.Max(1, run.Estimate.Passes - 1), run.Estimate.Passes);
        Assert.InRange(run.Estimate.UsualPasses, 1, run.Estimate.Passes);
    }

    /// <summary>Of 31 bits a search takes 11 at a time, and one pass more for the last of equal magnitudes; then there is the sign of the majority, and the merge. 63 bits take six passes.</summary>
    [Theory]
    [InlineData("ties", Dialect.Paper, 6)]
    [InlineData("pcb", Dialect.Paper, 10)]
    [InlineData("tatr", Dialect.Paper, 8)]
    [InlineData("emr", Dialect.Paper, 2)]
    [InlineData("lines", Dialect.Paper, 2)]
    public void Statistics_over_the_model_count_their_passes_and_bytes(string method, Dialect dialect, int passes)
    {
        using var run = new Run(method, dialect, sameEverywhere: true);
        Assert.Equal((passes, passes), (run.Estimate.UsualPasses, run.Estimate.Passes));
        Assert.Equal(passes * run.Once, run.Estimate.ReadBytes);

        // Where all elements are equal no digit tells them apart, so that no search ends before its last pass.
        Assert.Equal(passes, run.Passes);
        Assert.Equal(run.Estimate.ReadBytes, run.Summary.ReadBytes);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Progress_never_goes_backwards_and_ends_at_its_total(string method, Dialect dialect)
    {
        using var run = new Run(method, dialect);
        double share = 0;
        long total = run.Steps[0].TotalBytes;
        foreach (ExecutionProgress step in run.Steps)
        {
            Assert.InRange(step.TotalBytes, 1, total);
            Assert.InRange((double)step.DoneBytes / step.TotalBytes, share, 1);
            (share, total) = ((double)step.DoneBytes / step.TotalBytes, step.TotalBytes);
        }

        Assert.Equal(1, share);
        Assert.InRange(run.Steps.Select(s => s.Phase).Aggregate(new List<string>(), (phases, phase) => phases.LastOrDefault() == phase ? phases : [.. phases, phase]).Count, 1, 2);
    }

    /// <summary>One tensor of many chunks, merged once.</summary>
    private sealed class Run : IDisposable
    {
        private readonly GeneratedModels _models = new(inMemory: true);

        public Run(string method, Dialect dialect, bool sameEverywhere = false)
        {
            MethodDescription description = MethodTable.Find(method, dialect)!;
            int least = Math.Max(description.LeastModels, (int)(description.Find("least_models")?.Default?.Number ?? 1));
            string[] names = [.. new[] { "a", "b", "c" }.Take(Math.Clamp(2, least, description.MostModels))];
            foreach (string name in names.Prepend("base"))
            {
                _models.Write(name, name[^1], tensors: [("a.weight", [96, 2048])]);
                if (sameEverywhere) Fill(_models.File($"models/{name}/model.safetensors"), name == "base" ? 0.5f : 0.75f);
            }

            string perModel = description.Find("density") is null ? "" : "density: 0.4";
            using MergeJob job = _models.Plan(DrawnModels.Recipe(description, names, method == "emr" ? "task: 1" : "", perModel));
            using Device device = Device.Open("cpu", 2);
            var times = new StageTimes();
            var options = new ExecutionOptions { Device = device, Threads = 2, ChunkBytes = 200_000, Times = times };
            OutputPlan plan = GeneratedModels.Lay(job);
            Estimate = MergeExecutor.Estimate(job, plan, options);
            using InputFiles inputs = InputFiles.Open(job, false);
            using OutputDirectory output = OutputDirectory.Open(_models.File("out"), plan, GeneratedModels.Describe(inputs), new OutputOptions { Threads = 2, Hash = false });
            Summary = MergeExecutor.Execute(job, plan, output, inputs, options, new Recorder(Steps));
            Once = job.Tensors.Sum(t => t.Sources.Sum(s => s.Checkpoint[s.Tensor].ByteLength));

            // A sample is less than a pass.
            Passes = (int)(MergeProfile.Of(times, 1, 2, 10).Stages.Where(s => s.Stage is MergeStage.Reading or MergeStage.ReadingAgain).Sum(s => s.Bytes) / Once);
        }

        public ExecutionEstimate Estimate { get; }

        public ExecutionSummary Summary { get; }

        public List<ExecutionProgress> Steps { get; } = [];

        /// <summary>Bytes of the inputs.</summary>
        public long Once { get; }

        /// <summary>How often all of the inputs were read.</summary>
        public int Passes { get; }

        public void Dispose() => _models.Dispose();

        private static void Fill(string path, float value)
        {
            var shape = new Shape(96, 2048);
            var values = new float[shape.ElementCount];
            values.AsSpan().Fill(value);
            SafetensorsWriter.Write(path, [TensorContent.FromFloat32("a.weight", shape, values, DType.F32)]);
        }
    }

    /// <summary>The meter reports one at a time.</summary>
    private sealed class Recorder(List<ExecutionProgress> steps) : IProgress<ExecutionProgress>
    {
        public void Report(ExecutionProgress value) => steps.Add(value);
    }
}
