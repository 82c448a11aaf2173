using System.Diagnostics;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>Where results go may be full, closed, or a reader that has seen enough.</summary>
public sealed class StandardStreamTests
{
    [Theory]
    [InlineData("methods")]
    [InlineData("methods --json")]
    [InlineData("--help")]
    [InlineData("merge --help")]
    public void Output_that_cannot_be_written_is_named(string arguments)
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no /dev/full here.");
        (int code, string error) = Shell($"\"$ME\" {arguments} > /dev/full");
        Assert.Equal((1, "merge-engine: standard output: cannot be written: No space left on device.\n"), (code, error));
    }

    [Fact]
    public void Output_that_is_closed_is_named()
    {
        (int code, string error) = Shell("\"$ME\" methods >&-");
        Assert.Equal((1, "merge-engine: standard output: cannot be written: it is closed.\n"), (code, error));
    }

    /// <summary>The first files that the runtime opens for itself take the numbers of closed streams: what is written there must not go into them.</summary>
    [Fact]
    public void Output_that_is_closed_is_named_where_input_is_closed_too()
    {
        (int code, string error) = Shell("\"$ME\" methods <&- >&-");
        Assert.Equal((1, "merge-engine: standard output: cannot be written: it is closed.\n"), (code, error));
        Assert.Equal(1, Shell("\"$ME\" methods <&- >&- 2>&-").Code);
        Assert.Equal(0, Shell("\"$ME\" methods <&- 2>&- > /dev/null").Code);
    }

    /// <summary>A pipe of the runtime's own takes the place of a closed input; reading it would never end.</summary>
    [Fact]
    public void Input_that_is_closed_is_named()
    {
        using var directory = new TemporaryDirectory();
        string vocabulary = Path.Combine(directory.Path, "vocab.txt");
        File.WriteAllText(vocabulary, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
        Assert.Equal((1, "merge-engine: standard input: is closed, expected a recipe.\n"), Shell("\"$ME\" merge - never-written <&-"));
        Assert.Equal((1, "merge-engine: standard input: is closed, expected lines of JSON.\n"), Shell($"\"$ME\" tokenize '{directory.Path}' <&-"));
    }

    [Fact]
    public void Input_that_cannot_be_read_or_is_no_text_is_named()
    {
        Assert.Equal((1, "merge-engine: standard input: cannot be read (Is a directory), expected a recipe.\n"), Shell("\"$ME\" merge - never-written < ."));
        Assert.Equal((2, "merge-engine: standard input:2:4: this is not UTF-8, expected text in it.\n"), Shell("printf 'a: 1\\nb: \\377' | \"$ME\" merge - never-written"));
    }

    /// <summary>As with other tools, a reader that goes away is nothing to speak of.</summary>
    [Fact]
    public void A_reader_that_has_gone_away_is_no_failure()
    {
        // The reader closes its end before the command begins.
        (int code, string error) = Shell("{ sleep 0.2; \"$ME\" methods; echo $? >&2; } | exec <&-");
        Assert.Equal((0, "0\n"), (code, error));
    }

    [Fact]
    public void Messages_that_nobody_can_read_end_nothing()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no /dev/full here.");
        Assert.Equal(2, Shell("\"$ME\" nosuch 2> /dev/full").Code);
        Assert.Equal(0, Shell("\"$ME\" merge --list-methods --quiet 2> /dev/full > /dev/null").Code);
    }

    private static (int Code, string Error) Shell(string command)
    {
        var start = new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardError = true };
        start.Environment["ME"] = MergeEngineProcess.Executable;
        start.Environment["DOTNET_ROOT"] = MergeEngineProcess.RuntimeRoot;
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
