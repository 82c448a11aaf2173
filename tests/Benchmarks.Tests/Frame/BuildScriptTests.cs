using System.ComponentModel;
using System.Diagnostics;
using MergeEngine.Benchmarks.Frame;

namespace MergeEngine.Benchmarks.Tests.Frame;

/// <summary>What <c>build.sh</c> says before it builds anything.</summary>
public sealed class BuildScriptTests
{
    [Theory]
    [InlineData("build.sh: test: '--foo' is unknown, expected no arguments", "test", "--foo")]
    [InlineData("build.sh: build: 'now' is unknown, expected no arguments", "build", "now")]
    [InlineData("build.sh: format: '--check' is unknown, expected --fix or nothing", "format", "--check")]
    [InlineData("build.sh: publish: '--all' is unknown, expected kinds of machines as .NET names them, such as linux-x64", "publish", "linux-x64", "--all")]
    [InlineData("build.sh: 'tests' is unknown, expected build, demo, test, bench, kernels, docs, format, publish, pack or help", "tests")]
    public void An_unknown_word_is_one_sentence_and_nothing_is_built(string expected, params string[] arguments)
    {
        (int code, string output, string error) = Run("bash", [Script, .. arguments]);
        Assert.Equal((2, "", expected + "\n"), (code, output, error));
    }

    [Theory]
    [InlineData("build")]
    [InlineData("test")]
    [InlineData("kernels")]
    [InlineData("docs")]
    [InlineData("format")]
    [InlineData("publish")]
    [InlineData("pack")]
    public void Help_of_a_command_is_what_help_says_of_it(string command)
    {
        (int code, string output, string error) = Run("bash", [Script, command, "--help"]);
        Assert.Equal((0, ""), (code, error));
        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Matches($@"^\./build\.sh \[?{command}\b", lines[0]);
        Assert.All(lines[1..], line => Assert.StartsWith("    ", line, StringComparison.Ordinal));
        Assert.Contains(output, Run("bash", [Script, "help"]).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_names_the_tables_that_bench_makes()
    {
        string help = Run("bash", [Script, "help"]).Output;
        string bench = Run(ResultTableTests.Dotnet(), ["exec", typeof(Repository).Assembly.Location, "help"]).Output;
        string[] lines = bench.TrimEnd('\n').Split('\n');
        string ofAll = Assert.Single(lines, line => line.StartsWith("Without a name those of ", StringComparison.Ordinal));
        string[] always = ofAll["Without a name those of ".Length..ofAll.IndexOf(" run,", StringComparison.Ordinal)].Split(", ");
        string[] tables = [.. lines[..Array.IndexOf(lines, ofAll)].Select(line => line.Split(' ')[0])];
        string said = string.Join(' ', help.Split(["the tables ", "; `./build.sh bench help`", ";\n"], StringSplitOptions.None)[1].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        string[] parts = said.Split(", or the one that is named: these and ");
        // The summary is of tables that are kept, so it is made without a name only where they are.
        string[] named = [.. always.Where(name => name != "summary")];
        Assert.Equal(named, parts[0].Replace(" and ", ", ", StringComparison.Ordinal).Split(", "));
        Assert.Equal(tables.Except(named), parts[1].Split(", "));
    }

    private static string Script { get; } = Path.Combine(Repository.Root, "build.sh");

    private static (int Code, string Output, string Error) Run(string program, string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            return (process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
        }
        catch (Win32Exception)
        {
            Assert.Skip($"There is no {program} here.");
            throw;
        }
    }
}
