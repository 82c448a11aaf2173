using System.CommandLine;
using System.Reflection;
using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Commands;

/// <summary><c>licenses</c>: the engine's licence and those of what is in the program, which as one file has none beside it.</summary>
internal static class LicensesCommand
{
    /// <summary>The last is there in a program that brings the runtime along.</summary>
    private static readonly string[] s_pages = ["LICENSE", "THIRD-PARTY-NOTICES.txt", "dotnet-notices.txt"];

    public static Command Create()
    {
        var command = new ExampleCommand("licenses", "Print the licence of the engine and those of what others made of it.", "licenses");
        command.Runs(_ => Print(Console.Out));
        return command;
    }

    private static void Print(TextWriter output)
    {
        string separator = "";
        foreach (string page in s_pages)
        {
            using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(page);
            if (stream is null) continue;
            using var reader = new StreamReader(stream);
            output.Write(separator + reader.ReadToEnd().TrimEnd() + '\n');
            separator = $"\n{new string('=', 80)}\n\n";
        }

        output.Flush();
    }
}
