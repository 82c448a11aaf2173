using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>What stops a merge, and what it leaves.</summary>
public sealed class FailureTests
{
    [Fact]
    public void An_input_that_becomes_shorter_is_one_error_and_leaves_nothing()
    {
        using GeneratedModels models = Write();
        using MergeJob job = models.Plan(MethodRecipes.Of("ties"));
        using Device device = Device.Open("cpu", 2);
        string file = models.File("models/b/model.safetensors");
        var e = Assert.Throws<SafetensorsException>(() => Merge(models, job, device, () =>
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            stream.SetLength(stream.Length - 40_000);
        }));
        Assert.StartsWith($"{file}: the file ends at byte ", e.Message, StringComparison.Ordinal);
        Assert.Equal(["models"], Directory.GetFileSystemEntries(models.Root).Select(Path.GetFileName));
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void An_input_that_changes_while_it_is_read_is_noticed()
    {
        using GeneratedModels models = Write();
        using MergeJob job = models.Plan(MethodRecipes.Of("linear"));
        using Device device = Device.Open("cpu", 2);
        string file = models.File("models/a/model.safetensors");
        var e = Assert.Throws<SafetensorsException>(() => Merge(models, job, device, () =>
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            stream.Position = stream.Length - 1;
            stream.WriteByte(1);
        }));
        Assert.Equal($"{file}: was changed while it was read, expected an input that stays as it is.", e.Message);
        Assert.Equal(["models"], Directory.GetFileSystemEntries(models.Root).Select(Path.GetFileName));
    }

    /// <summary>Passes over a tensor that saw different bytes disagree, and then the input is named; what fails by itself is told as it is.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Passes_that_disagree_over_an_input_that_changed_name_it(bool changes)
    {
        using GeneratedModels models = Write();
        using MergeJob job = models.Plan(MethodRecipes.Of("linear"), change: o => o with { Methods = _ => new Disagreeing() });
        using Device device = Device.Open("cpu", 2);
        string file = models.File("models/a/model.safetensors");
        Exception e = Assert.ThrowsAny<Exception>(() => Merge(models, job, device, () =>
        {
            if (changes) File.SetLastWriteTimeUtc(file, new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        }));
        Assert.Equal(changes ? $"{file}: was changed while it was read, expected an input that stays as it is." : "Passes disagree.", e.Message);
        Assert.Equal(["models"], Directory.GetFileSystemEntries(models.Root).Select(Path.GetFileName));
    }

    [Fact]
    public void A_disk_that_is_full_is_one_error_that_leaves_nothing()
    {
        using GeneratedModels models = Write();
        using MergeJob job = models.Plan(MethodRecipes.Of("ties"));
        using Device device = Device.Open("cpu", 2);
        int written = 0;
        var e = Assert.Throws<SafetensorsException>(() => Merge(models, job, device, () => { }, step =>
        {
            if (step == OutputStep.Written && Interlocked.Increment(ref written) == 3) throw new IOException("No space left on device");
        }));
        Assert.Equal($"{models.File("out")}: cannot be written (No space left on device).", e.Message);
        Assert.Equal(["models"], Directory.GetFileSystemEntries(models.Root).Select(Path.GetFileName));
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void A_tensor_that_does_not_fit_says_which_limit_would_do_and_that_one_does()
    {
        // Ranks of della are found in whole rows, and a vector is one row.
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("long.bias", [3_000_000])]);
        using MergeJob job = models.Plan(MethodRecipes.Of("della"));
        using Device device = Device.Open("cpu", 1);
        var e = Assert.Throws<InsufficientMemoryException>(() => models.Merge(job, device, Limit(device, 100)));
        Assert.Matches("^The tensor \"long.bias\" cannot be merged within the memory limit; one of [0-9]+ MiB would do.$", e.Message);
        int enough = int.Parse(e.Message.Split("one of ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Single(GeneratedModels.Bytes(models.Merge(job, device, Limit(device, enough))));
        Assert.Throws<InsufficientMemoryException>(() => models.Merge(job, device, Limit(device, enough - 1)));
    }

    [Fact]
    public void A_merge_stops_when_it_is_asked_to()
    {
        using GeneratedModels models = Write();
        using MergeJob job = models.Plan(MethodRecipes.Of("dare_ties"));
        using Device device = Device.Open("cpu", 2);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Merge(models, job, device, () => { }, step =>
        {
            if (step == OutputStep.Written) stop.Cancel();
        }, null, stop.Token));
        Assert.Equal(["models"], Directory.GetFileSystemEntries(models.Root).Select(Path.GetFileName));
        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>Asked to stop when the matrices have been read, a merge does not decompose them first, which takes minutes where they are large: nothing of the tensor is written.</summary>
    [Theory]
    [InlineData("tsv")]
    [InlineData("iso_c")]
    [InlineData("iso_cts")]
    public void A_merge_stops_within_the_decomposition_of_a_tensor(string method)
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("large.weight", [500, 400])]);
        using MergeJob job = models.Plan(MethodRecipes.Of(method));
        using Device device = Device.Open("cpu", 2);
        using var stop = new CancellationTokenSource();
        int written = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => Merge(
            models, job, device, () => { },
            step =>
            {
                if (step == OutputStep.Written) written++;
            },
            new Reading(3 * 500 * 400 * sizeof(float), stop), stop.Token));
        Assert.True(stop.IsCancellationRequested);
        Assert.Equal(0, written);
        Assert.Equal(["models"], Directory.GetFileSystemEntries(models.Root).Select(Path.GetFileName));
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void What_an_earlier_run_has_written_is_not_written_again()
    {
        using var models = new GeneratedModels();
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("x.weight", [3000, 1000]), ("y.weight", [3000, 1000]), ("z.weight", [3000, 1000])]);
        using MergeJob job = models.Plan(MethodRecipes.Of("ties"));
        using Device device = Device.Open("cpu", 2);
        SortedDictionary<string, byte[]> expected = GeneratedModels.Bytes(models.Merge(job, device));
        OutputPlan plan = GeneratedModels.Lay(job);
        var resumable = new OutputOptions { Threads = 2, KeepPartial = true, Resume = true };
        int pieces = 0;
        using (InputFiles inputs = InputFiles.Open(job))
        using (OutputDirectory output = OutputDirectory.Open(models.File("out"), plan, GeneratedModels.Describe(inputs), resumable, step =>
        {
            if (step == OutputStep.PieceNoted && Interlocked.Increment(ref pieces) == 1) throw new IOException("pulled plug");
        }))
        {
            Assert.Throws<SafetensorsException>(() => MergeExecutor.Execute(job, plan, output, inputs, Limit(device, 512)));
        }

        using (InputFiles inputs = InputFiles.Open(job))
        using (OutputDirectory output = OutputDirectory.Open(models.File("out"), plan, GeneratedModels.Describe(inputs), resumable))
        {
            Assert.InRange(output.RestoredBytes, 1, plan.FileBytes);
            ExecutionSummary summary = MergeExecutor.Execute(job, plan, output, inputs, Limit(device, 512));
            Assert.InRange(summary.WrittenBytes, 1, plan.TotalSize - 1);
            output.Complete();
        }

        Assert.Equal(expected, GeneratedModels.Bytes(models.File("out")));
    }

    private static ExecutionOptions Limit(Device device, long mebibytes) => new() { Device = device, Threads = 1, MemoryLimit = mebibytes << 20 };

    private static void Merge(GeneratedModels models, MergeJob job, Device device, Action meanwhile, Action<OutputStep>? step = null, IProgress<ExecutionProgress>? progress = null, CancellationToken cancellation = default)
    {
        OutputPlan plan = GeneratedModels.Lay(job);
        using InputFiles inputs = InputFiles.Open(job);
        using OutputDirectory output = OutputDirectory.Open(models.File("out"), plan, GeneratedModels.Describe(inputs), new OutputOptions { Threads = 2 }, step ?? (_ => { }), cancellation);
        meanwhile();
        MergeExecutor.Execute(job, plan, output, inputs, new ExecutionOptions { Device = device, Threads = 2, ChunkBytes = 20_000 }, progress, cancellation);
        output.Complete(cancellation);
    }

    private static GeneratedModels Write()
    {
        var models = new GeneratedModels();
        models.Write("base", 1);
        models.Write("a", 2);
        models.Write("b", 3);
        return models;
    }

    private sealed class Disagreeing : TensorMethod
    {
        public override string Name => "disagreeing";

        public override TensorMerge Begin(TensorTask task) => new Merge();

        private sealed class Merge : TensorMerge
        {
            public override void Map(in TensorChunk chunk) => throw new InvalidOperationException("Passes disagree.");
        }
    }

    /// <summary>Stops a merge that has read so much.</summary>
    private sealed class Reading(long bytes, CancellationTokenSource stop) : IProgress<ExecutionProgress>
    {
        public void Report(ExecutionProgress value)
        {
            if (value.DoneBytes >= bytes) stop.Cancel();
        }
    }
}
