using System.Diagnostics;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>What a terminal gets to see, down to the bytes; <c>script</c> of util-linux is the terminal.</summary>
public sealed class TerminalTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    /// <summary>What the runtime's console would leave a terminal in: arrow keys then send other sequences to programs that do not ask for it.</summary>
    [Theory]
    [InlineData(0, "--help")]
    [InlineData(0, "methods")]
    [InlineData(1, "inspect nowhere")]
    [InlineData(2, "no-such-command")]
    public void No_command_leaves_the_keypad_in_another_mode(int expected, string arguments)
    {
        (int code, string shown) = Show($"\"$ME\" {arguments}");
        Assert.Equal(expected, code);
        Assert.DoesNotContain("\e", shown, StringComparison.Ordinal);
        Assert.NotEqual("", shown);
    }

    [Fact]
    public void Bars_of_progress_end_with_the_cursor_as_it_was()
    {
        (int code, string shown) = Show("\"$ME\" inspect --stats \"$MODEL\"");
        Assert.Equal(0, code);
        Assert.DoesNotContain("\e=", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("\e[?1h", shown, StringComparison.Ordinal);
        Assert.True(shown.LastIndexOf("\e[?25h", StringComparison.Ordinal) > shown.LastIndexOf("\e[?25l", StringComparison.Ordinal));
    }

    [Fact]
    public void Lines_are_read_from_a_terminal()
    {
        File.WriteAllText(directory["vocab.txt"], "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
        // A line and Ctrl+D; the terminal shows them as they are typed.
        (int code, string shown) = Show($"\"$ME\" tokenize '{directory.Path}'", "\"a\"\n\u0004");
        Assert.Equal(0, code);
        Assert.Contains("[2,5,3]", shown.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("\e", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_is_as_wide_as_the_terminal()
    {
        string[] narrow = Show("stty cols 50; \"$ME\" --help").Text.Split("Commands:")[0].Split('\n'), wide = Show("stty cols 200; \"$ME\" --help").Text.Split("Commands:")[0].Split('\n');
        Assert.All(narrow, line => Assert.InRange(line.TrimEnd().Length, 0, 50));
        Assert.True(wide.Length < narrow.Length);
    }

    private static (int Code, string Text) Show(string command, string typed = "")
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script"), "There is no script of util-linux here.");
        var start = new ProcessStartInfo("/usr/bin/script", ["-qec", command, "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["ME"] = MergeEngineProcess.Executable;
        start.Environment["MODEL"] = Repository.Fixture("vit-hf");
        start.Environment["DOTNET_ROOT"] = MergeEngineProcess.RuntimeRoot;
        start.Environment["TERM"] = "xterm";
        start.Environment["SHELL"] = "/bin/sh";
        using Process process = Process.Start(start)!;
        process.StandardInput.Write(typed);
        process.StandardInput.Flush();
        string shown = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, shown);
    }
}
