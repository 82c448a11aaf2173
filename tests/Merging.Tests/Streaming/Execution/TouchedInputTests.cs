using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>A stopped merge whose inputs have other times when it is gone on with: copies of the same bytes serve, and other bytes never mix with what was written.</summary>
public sealed class TouchedInputTests : IDisposable
{
    private static readonly OutputOptions s_resumable = new() { Threads = 2, KeepPartial = true, Resume = true };

    private static readonly DateTime s_other = new(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);

    private readonly GeneratedModels models = new();

    /// <summary>Files of three pieces: "x" lies in the first, "y" in the first two, "z" in the last two.</summary>
    public TouchedInputTests()
    {
        for (int k = 0; k < 3; k++) models.Write(k == 0 ? "base" : k == 1 ? "a" : "b", k, tensors: [("x.weight", [3000, 1000]), ("y.weight", [3000, 1000]), ("z.weight", [3000, 1000])]);
    }

    private string Changing => models.File("models/a/model.safetensors");

    public void Dispose() => models.Dispose();

    /// <summary>Element by element, tensor by tensor in several passes, and with statistics of the whole model, which read all of it before the first byte is written.</summary>
    [Theory]
    [InlineData("linear", 16 << 20)]
    [InlineData("ties", 16 << 20)]
    [InlineData("tatr", 32 << 20)]
    public void Inputs_that_were_copied_are_compared_by_their_bytes_and_gone_on_with(string method, int restored)
    {
        Stop(method, pieces: 2);
        foreach (string file in Files()) File.SetLastWriteTimeUtc(file, s_other);
        GoOn(method, output =>
        {
            Assert.InRange(output.RestoredBytes, restored, 32 << 20);
            Assert.Equal(0, output.RejectedBytes);
            Assert.Equal(32 << 20, output.RestoredBytes + output.DiscardedBytes);
            Assert.StartsWith($"{models.File("out")}: goes on although the times of \"{Changing}\", ", output.ResumeNote, StringComparison.Ordinal);
            Assert.EndsWith($", and {output.DiscardedBytes / 1e6:0.0} MB that were written without such a proof are merged again.", output.ResumeNote, StringComparison.Ordinal);
        });
        AssertIsMergeOfWhatIsThere(method);
    }

    [Fact]
    public void Without_another_time_all_that_is_written_is_taken()
    {
        Stop("linear", pieces: 2);
        GoOn("linear", output =>
        {
            Assert.Equal((32 << 20, 0), (output.RestoredBytes, output.DiscardedBytes));
            Assert.Null(output.ResumeNote);
        });
        AssertIsMergeOfWhatIsThere("linear");
    }

    [Fact]
    public void Other_bytes_where_the_merge_had_read_are_refused_and_what_is_written_is_kept()
    {
        Stop("linear", pieces: 2);
        Flip(20 << 20);
        File.SetLastWriteTimeUtc(Changing, s_other);
        var refused = Assert.Throws<SafetensorsException>(() => GoOn("linear"));
        Assert.Equal(
            $"{models.File("out")}: what a stopped merge has left was begun before its input {Changing} (its bytes 16777216 to 33554431) was changed, expected the same merge to go on with; without --resume it begins anew.",
            refused.Message);
        Flip(20 << 20);
        GoOn("linear", output => Assert.True(output.RestoredBytes > 0));
        AssertIsMergeOfWhatIsThere("linear");
    }

    [Fact]
    public void Other_bytes_where_it_had_not_read_all_are_merged_as_they_are_now()
    {
        Stop("linear", pieces: 2);
        Flip(new FileInfo(Changing).Length - 2);
        File.SetLastWriteTimeUtc(Changing, s_other);
        GoOn("linear", output => Assert.True(output.RestoredBytes > 0));
        AssertIsMergeOfWhatIsThere("linear");
    }

    /// <summary>What the second run reads would prove to the third what the first has written, had it not been noted that it does not.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_run_has_discarded_stays_so_for_the_next(bool timeIsPutBack)
    {
        DateTime first = File.GetLastWriteTimeUtc(Changing);
        Stop("linear", pieces: 2);
        // Of "z", whose first part is written.
        Flip(new FileInfo(Changing).Length - 2);
        File.SetLastWriteTimeUtc(Changing, s_other);
        Assert.Throws<SafetensorsException>(() => Run("linear", output => { }, Failing(OutputStep.Written, 1)));
        if (timeIsPutBack) File.SetLastWriteTimeUtc(Changing, first);
        GoOn("linear", output => Assert.NotNull(output.ResumeNote));
        AssertIsMergeOfWhatIsThere("linear");
    }

    [Fact]
    public void Other_bytes_with_the_old_time_are_noticed_when_they_are_read()
    {
        DateTime time = File.GetLastWriteTimeUtc(Changing);
        Stop("linear", pieces: 2);
        Flip(20 << 20);
        File.SetLastWriteTimeUtc(Changing, time);
        var refused = Assert.Throws<SafetensorsException>(() => GoOn("linear"));
        Assert.Equal($"{Changing} (its bytes 16777216 to 33554431): was changed after the merge that is gone on with was begun, expected an input that stays as it is.", refused.Message);
    }

    private static Action<OutputStep> Failing(OutputStep at, int times) => step =>
    {
        if (step == at && Interlocked.Decrement(ref times) == 0) throw new IOException("pulled plug");
    };

    private void Stop(string method, int pieces) => Assert.Throws<SafetensorsException>(() => Run(method, output => { }, Failing(OutputStep.PieceNoted, pieces)));

    private void GoOn(string method, Action<OutputDirectory>? look = null) => Run(method, look ?? (_ => { }), _ => { });

    /// <summary>One thread, so that pieces come in the order of the file.</summary>
    private void Run(string method, Action<OutputDirectory> look, Action<OutputStep> step)
    {
        using MergeJob job = models.Plan(MethodRecipes.Of(method));
        using Device device = Device.Open("cpu", 1);
        using InputFiles inputs = InputFiles.Open(job);
        var options = new ExecutionOptions { Device = device, Threads = 1, ChunkBytes = 1 << 20 };
        var ranges = new InputRanges(job, inputs, options);
        OutputPlan plan = GeneratedModels.Lay(job);
        var description = new MergeDescription { Recipe = "generated\n", Dialect = "mergekit", Seed = 7, Inputs = inputs.Files, Sources = ranges.Of };
        using OutputDirectory output = OutputDirectory.Open(models.File("out"), plan, description, s_resumable, step);
        look(output);
        MergeExecutor.Execute(job, plan, output, inputs, options);
        output.Complete();
    }

    private void AssertIsMergeOfWhatIsThere(string method)
    {
        using MergeJob job = models.Plan(MethodRecipes.Of(method));
        using Device device = Device.Open("cpu", 2);
        byte[][] files = [.. new[] { models.Merge(job, device), models.File("out") }.Select(d => File.ReadAllBytes(Path.Combine(d, "model.safetensors")))];
        Assert.True(files[0].AsSpan().SequenceEqual(files[1]), "The bytes are not those of a merge in one go.");
        Assert.Empty(OutputVerification.Run(models.File("out"), 2).Differences);
    }

    private string[] Files() => [.. new[] { "base", "a", "b" }.Select(m => models.File($"models/{m}/model.safetensors"))];

    /// <summary>Changes a byte of "a", of a float's upper half, so that every merge of it changes too.</summary>
    private void Flip(long at) => Output.ResumeTests.Flip(Changing, at - (at % 4) + 2);
}
