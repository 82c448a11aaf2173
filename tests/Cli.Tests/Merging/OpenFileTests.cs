using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Streaming.Output;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>A system allows a process so many open files; a model may have more shards.</summary>
public sealed class OpenFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_limit_that_is_too_low_for_the_program_is_named()
    {
        foreach (string arguments in (string[])["methods", "merge a b"])
        {
            Outcome outcome = Limited(64, arguments.Split(' ')).Refused(1);
            Assert.Equal("merge-engine: the limit on open files (ulimit -n) is 64, expected at least 160: the program's own parts are about 100 files.\n", outcome.Error);
        }
    }

    /// <summary>One sentence, although every one of the models after the first few cannot be opened.</summary>
    [Fact]
    public void Models_of_more_files_than_may_be_open_are_refused_before_anything_is_written()
    {
        string[] models = [.. Enumerable.Range(0, 30).Select(i => SmallModel.Write(_directory[$"m{i}"], i, sharded: true))];
        _directory.Write("r.yml", $"merge_method: linear\nmodels: [{string.Join(", ", models.Select(m => $"{{model: {m}, parameters: {{weight: 1}}}}"))}]\n");
        Outcome outcome = Limited(160, "merge", "r.yml", "out").Refused(1, "cannot be opened because the limit of 160 open files (ulimit -n) leaves no room for it");
        Assert.DoesNotContain("problems", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(_directory.Path), entry => entry.Contains("out", StringComparison.Ordinal));
    }

    [Fact]
    public void An_output_may_have_more_shards_than_files_may_be_open()
    {
        SmallModel.Write(_directory["a"], 1, scale: 20);
        string[] layers = [.. Enumerable.Range(0, 120).Select(_ => "{sources: [{model: a, layer_range: [0, 2]}]}")];
        _directory.Write("r.yml", $"merge_method: passthrough\nslices: [{string.Join(", ", layers)}]\ndtype: float32\n");
        Limited(160, "merge", "r.yml", "out", "--shard-size", "10K").Succeeded();
        Assert.InRange(Directory.GetFiles(_directory["out"], "*.safetensors").Length, 200, 1000);
        Assert.Empty(OutputVerification.Run(_directory["out"], 1).Differences);
    }

    private Outcome Limited(int files, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Limits are set by a shell of Linux.");
        return MergeEngineProcess.RunThrough("sh", ["-c", $"ulimit -n {files}; exec \"$0\" \"$@\""], _directory.Path, [], arguments);
    }
}
