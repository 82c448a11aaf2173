using System.CommandLine;
using System.Text.Json;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports.Html;
using MergeEngine.Cli.Reports.Tables;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Experiments;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>report RESULTS.json</c>: the table and the page of an experiment that was run before.</summary>
internal static class ReportCommand
{
    private static readonly Argument<string> Results = new("RESULTS.json") { Description = "What an experiment wrote, or its directory." };

    private static readonly Option<string?> Html = new("--html") { Description = "Write the self-contained page here.", HelpName = "FILE" };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "report", "Show the table of an experiment that was run before, and write its page again.",
            "report out/demo/results.json", "report out/demo/results.json --html report.html")
        {
            Results,
            Html,
        };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        string file = context.Get(Results);
        if (Directory.Exists(file)) file = Path.Combine(file, ExperimentOutput.Results);
        if (context.Get(Html) is { } page) OutputFile.RequirePossible(page, file);
        ExperimentResult result = context.Reading(() => Read(file));
        if (context.Get(Html) is { } path) OutputFile.Write(path, HtmlReport.Write(result));
        ExperimentTable.Write(result, Console.Out, terminal: !Console.IsOutputRedirected);
    }

    private static ExperimentResult Read(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: does not exist, expected the results.json of an experiment.");
        using MemoryStream bytes = BoundedFile.Read(path, ExperimentOutput.MostBytes)
            ?? throw new InvalidDataException($"{path}: has more than {ExperimentOutput.MostBytes} bytes, expected the results.json of an experiment with at most so many.");
        try
        {
            using var text = new StreamReader(bytes);
            return ExperimentJson.Read(text.ReadToEnd());
        }
        catch (JsonException exception)
        {
            // Where the text is JSON, what is missing from it is put in terms of types of this program.
            string where = exception.LineNumber is { } line && exception.Path is { Length: > 1 } place ? $", see {place} in line {line + 1}" : "";
            throw new InvalidDataException($"{path}: is not the results.json of an experiment{where}.", exception);
        }
    }
}
