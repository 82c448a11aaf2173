using System.Diagnostics;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>A stop by Ctrl+C, SIGTERM or a terminal that closes leaves nothing behind and says by its code what it was; it does not wait for a pipe that nobody writes to.</summary>
public sealed class StopTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("merge", "pipe", "out")]
    [InlineData("experiment", "pipe", "out")]
    [InlineData("atm", "pipe", "out")]
    [InlineData("pretrain", "pipe", "out")]
    [InlineData("report", "pipe")]
    [InlineData("head", "--clip", "model", "--classes", "pipe", "out.safetensors")]
    public void A_pipe_that_is_being_opened_does_not_keep_a_command_from_its_end(params string[] command)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes in the file system are made with mkfifo.");
        using (Process mkfifo = Process.Start("mkfifo", [_directory["pipe"]])) mkfifo.WaitForExit();
        using Process process = MergeEngineProcess.Start(_directory.Path, command);
        WaitUntilItOpens(process);
        MergeEngineProcess.Interrupt(process, "TERM");
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)), "it still waits");
        Assert.Equal((143, "merge-engine: stopped."), (process.ExitCode, process.StandardError.ReadToEnd().Trim()));
        Assert.False(Path.Exists(_directory["out"]));
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    [InlineData("QUIT", 131)]
    public void A_measurement_that_is_stopped_removes_its_models(string signal, int code) =>
        AssertStops(signal, code, "bench", "merge", "--models", "2", "--parameters", "1000000", "--rounds", "500", "--method", "linear", "--directory", ".");

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    [InlineData("QUIT", 131)]
    public void Training_that_is_stopped_leaves_nothing(string signal, int code)
    {
        MiniatureExperiment.Write(_directory, MiniatureExperiment.Text.Replace("rounds: 2, epochs: 1", "rounds: 1000, epochs: 1", StringComparison.Ordinal));
        AssertStops(signal, code, "atm", "miniature.yml", "out", "--method", "atm-1000x1");
    }

    [Fact]
    public void What_a_killed_measurement_leaves_the_next_one_removes()
    {
        string[] measure = ["bench", "merge", "--models", "2", "--parameters", "1000000", "--method", "linear", "--directory", "."];
        using (Process process = MergeEngineProcess.Start(_directory.Path, [.. measure, "--rounds", "500"]))
        {
            WaitUntilItWrites(process);
            process.Kill();
            process.WaitForExit();
        }

        Assert.Single(Entries());
        MergeEngineProcess.RunIn(_directory.Path, [.. measure, "--rounds", "1"]).Succeeded();
        Assert.Empty(Entries());
    }

    private void AssertStops(string signal, int code, params string[] command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There are no such signals.");
        string[] before = Entries();
        using Process process = MergeEngineProcess.Start(_directory.Path, command);
        WaitUntilItWrites(process, before.Length);
        MergeEngineProcess.Interrupt(process, signal);
        string error = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)), "it still runs");
        Assert.EndsWith("merge-engine: stopped.", error.Trim(), StringComparison.Ordinal);
        Assert.Equal(code, process.ExitCode);
        Assert.Equal(before, Entries());
    }

    private void WaitUntilItWrites(Process process, int entries = 0)
    {
        while (!process.HasExited && Entries().Length == entries) Thread.Sleep(5);
        Assert.False(process.HasExited, "It has ended before it could be stopped.");
    }

    private string[] Entries() => [.. Directory.GetFileSystemEntries(_directory.Path).Order(StringComparer.Ordinal)];

    /// <summary>The kernel tells of a thread what it waits for; where it does not tell, half a minute is enough for a program to start.</summary>
    private static void WaitUntilItOpens(Process process)
    {
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < TimeSpan.FromSeconds(30) && !Waits(process)) Thread.Sleep(20);
    }

    private static bool Waits(Process process)
    {
        try
        {
            return Directory.EnumerateDirectories($"/proc/{process.Id}/task").Any(task => File.ReadAllText(Path.Combine(task, "wchan")) is "wait_for_partner" or "fifo_open");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
