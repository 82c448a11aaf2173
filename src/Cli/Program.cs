using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli;

internal static class Program
{
    private static int Main(string[] arguments) => Application.Run(arguments);
}
