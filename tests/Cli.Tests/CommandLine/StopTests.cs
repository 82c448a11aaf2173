using System.Diagnostics;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>A stop does not wait for a pipe that nobody writes to.</summary>
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
        MergeEngineProcess.Interrupt(process, terminate: true);
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)), "it still waits");
        Assert.Equal((143, "merge-engine: stopped."), (process.ExitCode, process.StandardError.ReadToEnd().Trim()));
        Assert.False(Path.Exists(_directory["out"]));
    }

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
