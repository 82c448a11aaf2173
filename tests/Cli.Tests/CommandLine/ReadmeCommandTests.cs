using System.Text.RegularExpressions;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>The commands in README.md are the commands that there are.</summary>
public sealed partial class ReadmeCommandTests
{
    [Fact]
    public void The_readme_lists_every_command_and_no_other()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        string table = readme[readme.IndexOf("## Commands", StringComparison.Ordinal)..readme.IndexOf("## In C#", StringComparison.Ordinal)];
        string[] documented = [.. TableCell().Matches(table).SelectMany(row => Command().Matches(row.Value)).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)];
        string[] existing = [.. CommandLineTests.Commands.Select(row => row.Data).Order(StringComparer.Ordinal)];
        Assert.Equal(existing, documented);
    }

    [GeneratedRegex(@"^\| `[^|]*\|", RegexOptions.Multiline)]
    private static partial Regex TableCell();

    [GeneratedRegex("`([a-z-]+)[^`]*`")]
    private static partial Regex Command();
}
