using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace MergeEngine.Cli.CommandLine;

/// <summary>The usual help, and examples under it: a command's own, or the first of each command.</summary>
internal sealed class ExampleHelp(HelpAction usual) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        usual.Invoke(parseResult);
        Command command = parseResult.CommandResult.Command;
        IEnumerable<string> examples = command is ExampleCommand own && own.Examples.Count > 0
            ? own.Examples
            : command.Subcommands.OfType<ExampleCommand>().SelectMany(c => c.Examples.Take(1));
        TextWriter output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (string example in examples) output.WriteLine($"  merge-engine {example}");
        output.WriteLine();
        return ExitCode.Done;
    }
}
