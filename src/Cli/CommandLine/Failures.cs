using System.Text.Json;
using System.Text.RegularExpressions;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Adapters;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Yaml;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Cuda;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Turns an exception into one sentence on stderr and an exit code. Stack traces are for MERGE_ENGINE_DEBUG=1.</summary>
internal static partial class Failures
{
    /// <summary>The environment variable that asks for stack traces.</summary>
    public const string DebugVariable = "MERGE_ENGINE_DEBUG";

    public static int Report(Exception exception, TextWriter error)
    {
        error.WriteLine($"merge-engine: {Sentence(exception)}");
        if (ProblemsOf(exception) is { Told.Count: > 1 } problems)
        {
            foreach (string problem in problems.Told) error.WriteLine($"  {Printable.Of(problem)}");
            if (problems.Untold > 0) error.WriteLine($"  and {problems.Untold} more.");
        }

        if (Environment.GetEnvironmentVariable(DebugVariable) == "1") error.WriteLine(exception);
        else if (!IsExpected(exception)) error.WriteLine($"merge-engine: this is a defect; {DebugVariable}=1 shows where it happened.");
        return CodeOf(exception);
    }

    private static (IReadOnlyList<string> Told, int Untold) ProblemsOf(Exception exception) => exception switch
    {
        PlanningException plan => (plan.Problems, 0),
        AdapterException adapter => (adapter.Problems, 0),
        YamlException text => (text.Problems, text.Untold),
        _ => ([], 0),
    };

    private static int CodeOf(Exception exception) => exception switch
    {
        OperationCanceledException => ExitCode.Stopped,
        PlanningException { AreOfFiles: true } => ExitCode.Failed,
        AdapterException { AreOfFiles: false } => ExitCode.Usage,
        UsageException or YamlException or PlanningException => ExitCode.Usage,
        _ => ExitCode.Failed,
    };

    private static bool IsExpected(Exception exception) => exception
        is UsageException or YamlException or PlanningException or OperationCanceledException
        or IOException or UnauthorizedAccessException or InvalidDataException or JsonException
        or ArgumentException or NotSupportedException or InsufficientMemoryException or CudaException or DivergenceException;

    private static string Sentence(Exception exception)
    {
        string text = exception switch
        {
            OperationCanceledException => "stopped",
            _ when ProblemsOf(exception) is { Told.Count: > 1 } problems => $"there are {problems.Told.Count + problems.Untold} problems.",
            ArgumentException => ParameterSuffix().Replace(exception.Message, ""),
            _ => exception.Message,
        };
        // Messages quote names from files; the sentence stays one line whatever they hold.
        text = Printable.Of(text.ReplaceLineEndings(" ")).Trim();
        return text.EndsWith('.') ? text : text + ".";
    }

    [GeneratedRegex(@" \(Parameter '[^']*'\)")]
    private static partial Regex ParameterSuffix();
}
