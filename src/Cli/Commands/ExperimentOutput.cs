using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports.Html;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Commands;

/// <summary>What <c>experiment</c>, <c>atm</c> and <c>demo</c> leave behind: <c>results.json</c>, <c>report.html</c>, and a table.</summary>
internal static class ExperimentOutput
{
    public const string Results = "results.json";
    public const string Report = "report.html";

    /// <summary>A directory with results may be written over, another one only with --overwrite.</summary>
    /// <exception cref="IOException">There is something in the way.</exception>
    public static void RequireFree(string directory, bool overwrite)
    {
        if (directory.EndsWith(".safetensors", StringComparison.Ordinal)) throw new UsageException($"{directory}: is the name of a file, expected that of a directory.");
        OutputDirectory.RequireFree(directory, overwrite, ours: Results);
    }

    /// <summary>Seed, progress and cancellation of a run.</summary>
    public static ExperimentOptions Options(CommandContext context, IProgressSink sink) => new()
    {
        Seed = context.Get(CommonOptions.Seed),
        Progress = new SinkProgress(sink),
        Cancellation = context.Stop,
    };

    /// <summary>Writes the files, then the table or the document.</summary>
    /// <param name="context">The command line.</param>
    /// <param name="result">What came out.</param>
    /// <param name="directory">Where the files go.</param>
    /// <param name="more">Writes more files into the directory that it is given.</param>
    public static void Write(CommandContext context, ExperimentResult result, string directory, Action<string>? more = null)
    {
        string json = ExperimentJson.Write(result);
        OutputDirectory.Write(directory, target =>
        {
            more?.Invoke(target);
            File.WriteAllText(Path.Combine(target, Report), HtmlReport.Write(result));
            File.WriteAllText(Path.Combine(target, Results), json + "\n");
        });
        if (context.Json) Console.Out.WriteLine(json);
        else ExperimentTable.Write(result, Console.Out, terminal: !Console.IsOutputRedirected);
        CommandContext.Note($"{Path.Combine(directory, Results)} and {Report} are written.");
    }
}
