using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>verify DIR</c>: whether a merged model is still what its manifest says.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<string> Directory = new("DIR") { Description = $"A directory that a merge wrote, with its {MergeManifest.FileName}." };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "verify", "Check every file of a merged model against the hashes in its manifest; exit code 1 if one differs.",
            "verify merged/", "verify merged/ --json")
        {
            Directory,
            CommonOptions.Threads,
            CommonOptions.Json,
        };
        command.Runs(Run);
        return command;
    }

    private static int Run(CommandContext context)
    {
        string directory = context.Get(Directory);
        int threads = context.Threads > 0 ? context.Threads : Environment.ProcessorCount;
        OutputVerification found = CommandContext.WithProgress(
            "B", sink => OutputVerification.Run(directory, threads, bytes => sink.Report("verifying", bytes, 0), context.Stop));
        context.Write(
            new VerifyReport(directory, found.Differences.Count == 0, found.Files, found.Bytes, found.Hashed, found.Differences), CliJson.Default.VerifyReport, Print);
        return found.Differences.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static void Print(VerifyReport report, TextWriter output)
    {
        foreach (string difference in report.Differences) output.WriteLine(Printable.Of(difference));
        if (!report.Hashed) CommandContext.Note("the merge made no hashes, so only sizes and headers were compared.");
        if (report.Intact) output.WriteLine($"{Counting.Of(report.Files, "file")}, {report.Bytes} bytes: as the manifest says");
    }
}
