using System.Collections.Concurrent;
using Spectre.Console;

namespace MergeEngine.Cli.Terminal;

/// <summary>Shows progress on stderr in the way that fits where stderr goes.</summary>
internal static class ProgressDisplay
{
    /// <summary>True when stderr is a terminal that understands cursor movements.</summary>
    public static bool IsTerminal { get; } = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    public static T Run<T>(string unit, Func<IProgressSink, T> work)
    {
        if (!IsTerminal) return work(new ProgressLines(unit, Console.Error, TimeProvider.System));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new TerminalOutput(Console.Error, InheritedStream.Error) });
        var meters = new ConcurrentDictionary<int, RateMeter>();
        return console.Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RateColumn(unit, meters))
            .Start(context => work(new ProgressBars(context, meters)));
    }
}
