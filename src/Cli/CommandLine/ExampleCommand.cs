using System.CommandLine;

namespace MergeEngine.Cli.CommandLine;

/// <summary>A command whose help ends with examples that can be pasted.</summary>
internal sealed class ExampleCommand : Command
{
    /// <param name="name">What is typed after <c>merge-engine</c>.</param>
    /// <param name="description">One or two sentences.</param>
    /// <param name="examples">Whole command lines without the program's name; the first stands in the overview too.</param>
    public ExampleCommand(string name, string description, params string[] examples)
        : base(name, description) => Examples = examples;

    public IReadOnlyList<string> Examples { get; }

    /// <summary>Runs <paramref name="action"/> with cancellation by Ctrl+C, and reports what it throws.</summary>
    public void Runs(Action<CommandContext> action) => Runs(context =>
    {
        action(context);
        return ExitCode.Done;
    });

    /// <summary>As <see cref="Runs(Action{CommandContext})"/>, for a command whose answer is its exit code too.</summary>
    public void Runs(Func<CommandContext, int> action) => SetAction(parsed =>
    {
        using var stop = new StopSignal();
        try
        {
            return action(new CommandContext(parsed, stop.Token));
        }
#pragma warning disable CA1031 // The last line of defence: whatever it is, the user gets a sentence.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            int code = Failures.Report(exception, Console.Error);
            return code == ExitCode.Stopped ? stop.Code : code;
        }
    });
}
