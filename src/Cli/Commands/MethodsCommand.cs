using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Merging.Recipes.Catalog;

namespace MergeEngine.Cli.Commands;

/// <summary><c>methods</c>: the merging methods that recipes can name; of one method what its page says.</summary>
internal static class MethodsCommand
{
    private static readonly Argument<string?> Name = new("NAME") { Description = "A method; all of them, as a table, if left out.", Arity = ArgumentArity.ZeroOrOne };

    public static Command Create()
    {
        var command = new ExampleCommand("methods", "List the merging methods, or show the equation, source and parameters of one.", "methods", "methods tatr", "methods ties --json") { Name, CommonOptions.Json };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        string? name = context.Find(Name);
        if (name is not null && !MethodTable.Names.Contains(name)) throw new UsageException($"There is no method '{name}'; recipes know {string.Join(", ", MethodTable.Names)}.");
        var report = new MethodsReport([.. MethodTable.All.Where(m => name is null || m.Name == name).Select(MethodReport.From)]);
        context.Write(report, CliJson.Default.MethodsReport, (methods, output) =>
        {
            if (name is null) methods.Print(output);
            else output.Write(SectionOf(name));
        });
    }

    /// <summary>A section of docs/methods.md, which is made of the comments in the methods' files.</summary>
    private static string SectionOf(string name)
    {
        using Stream stream = typeof(MethodsCommand).Assembly.GetManifestResourceStream("methods.md")!;
        using var reader = new StreamReader(stream);
        string page = reader.ReadToEnd();
        int start = page.IndexOf($"\n### {name}\n", StringComparison.Ordinal) + 1, end = page.IndexOf("\n### ", start, StringComparison.Ordinal);
        return end < 0 ? page[start..] : page[start..end];
    }
}
