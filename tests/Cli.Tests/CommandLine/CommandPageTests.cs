using System.Text.RegularExpressions;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>docs/commands.md names every command, and no option that a command does not have.</summary>
public sealed partial class CommandPageTests
{
    [Theory]
    [MemberData(nameof(CommandLineTests.Commands), MemberType = typeof(CommandLineTests))]
    public void The_page_shows_the_command_with_options_that_it_has(string command)
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "commands.md"));
        string[] usages = [.. Usage().Matches(page).Select(match => match.Groups[1].Value).Where(usage => usage.Split([' ', '\n'])[0] == command)];
        Assert.NotEmpty(usages);
        string help = MergeEngineProcess.Run(command, "--help").Succeeded().Output;
        foreach (string option in usages.SelectMany(usage => Option().Matches(usage)).Select(match => match.Value)) Assert.Matches($@" {option}[ ,\n]", help);
    }

    /// <summary>Code in a line, or over two: a command with its arguments begins with its name.</summary>
    [GeneratedRegex("`([a-z]+[^`]*)`")]
    private static partial Regex Usage();

    [GeneratedRegex("--[a-z-]+")]
    private static partial Regex Option();
}
