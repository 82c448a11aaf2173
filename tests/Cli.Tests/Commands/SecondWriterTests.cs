using System.Diagnostics;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;
using OutputDirectory = MergeEngine.Cli.Terminal.OutputDirectory;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>Several runs that write the same OUT at once.</summary>
public sealed class SecondWriterTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public SecondWriterTests()
    {
        SmallModel.Write(_directory["base"], 1);
        SmallModel.Write(_directory["tuned"], 2);
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Merges_of_one_output_finish_or_say_that_another_writes_it()
    {
        for (int round = 0; round < 6; round++)
        {
            int finished = 0;
            foreach (Outcome outcome in AtOnce("merge", "--method", "task_arithmetic", "--base", "base", "--model", "tuned=0.5", "out", "--overwrite"))
            {
                if (outcome.Code == 0) finished++;
                else outcome.Refused(1, "out: is being written by another merge (it holds ");
            }

            Assert.True(finished > 0);
            Assert.Empty(OutputVerification.Run(_directory["out"], 1).Differences);
            Assert.Equal(["base", "out", "tuned"], Names());
        }
    }

    [Fact]
    public void Extractions_to_one_output_all_finish_and_the_last_one_stands()
    {
        for (int round = 0; round < 4; round++)
        {
            foreach (Outcome outcome in AtOnce("extract-lora", "--model", "tuned", "--base-model", "base", "--out-path", "adapter", "--max-rank", "2", "--overwrite")) outcome.Succeeded();
            using (SafetensorsFile adapter = SafetensorsFile.Open(_directory["adapter/adapter_model.safetensors"])) Assert.NotEmpty(adapter.Tensors);
            Assert.Equal(["adapter", "base", "tuned"], Names());
        }
    }

    [Fact]
    public void Directories_of_threads_that_end_together_do_not_mix()
    {
        string path = _directory["results"];
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, thread =>
        {
            for (int round = 0; round < 60; round++)
            {
                string text = $"{thread} {round}";
                OutputDirectory.Write(path, directory =>
                {
                    for (int file = 0; file < 8; file++) File.WriteAllText(Path.Combine(directory, $"{file}.txt"), text);
                });
            }
        });
        Assert.Equal(8, Directory.GetFiles(path).Length);
        Assert.Single(Directory.GetFiles(path).Select(File.ReadAllText).Distinct());
        Assert.Equal(["base", "results", "tuned"], Names());
    }

    private Outcome[] AtOnce(params string[] arguments)
    {
        Process[] processes = [.. Enumerable.Range(0, 3).Select(_ => MergeEngineProcess.Start(_directory.Path, arguments))];
        return [.. processes.Select(Ended)];
    }

    private static Outcome Ended(Process running)
    {
        using Process process = running;
        string error = process.StandardError.ReadToEnd(), output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new Outcome(process.ExitCode, process.ExitCode == 0 ? output : "", error);
    }

    private string[] Names() => [.. Directory.GetFileSystemEntries(_directory.Path).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];
}
