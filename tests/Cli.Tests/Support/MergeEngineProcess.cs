using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace MergeEngine.Cli.Tests.Support;

/// <summary>
/// Runs the built merge-engine as a process of its own, as users do: the one beside the tests, or the one that MERGE_ENGINE_UNDER_TEST names, as a
/// published single file.
/// </summary>
internal static class MergeEngineProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public static string Executable { get; } = Environment.GetEnvironmentVariable("MERGE_ENGINE_UNDER_TEST") is { Length: > 0 } given
        ? Path.GetFullPath(given)
        : Path.Combine(AppContext.BaseDirectory, "merge-engine");

    /// <summary>The runtime that runs this test, wherever it was installed: the executable must find it.</summary>
    public static string RuntimeRoot { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    /// <summary>A signal for that process alone, Ctrl+C if none is named. Skips where it would be ignored, as interrupts are in whatever a script starts in the background.</summary>
    /// <param name="process">A running merge-engine.</param>
    /// <param name="signal">INT, QUIT, TERM or HUP.</param>
    public static void Interrupt(Process process, string signal = "INT")
    {
        int number = signal switch { "HUP" => 1, "INT" => 2, "QUIT" => 3, _ => 15 };
        if (OperatingSystem.IsLinux() && signal != "TERM")
        {
            string ignored = File.ReadLines("/proc/self/status").First(l => l.StartsWith("SigIgn:", StringComparison.Ordinal))[7..].Trim();
            if ((Convert.ToUInt64(ignored, 16) & (1UL << (number - 1))) != 0)
            {
                process.Kill();
                Assert.Skip($"SIG{signal} is ignored here, as by programs that a script has started in the background, or with nohup.");
            }
        }

        // The shell's own kill: a small system has no program of that name.
        using Process kill = Process.Start("sh", ["-c", $"kill -{signal} {process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Starts it and waits for its end.</summary>
    public static Outcome Run(params string[] arguments) => RunIn(Directory.GetCurrentDirectory(), arguments);

    /// <summary>With environment variables of its own.</summary>
    public static Outcome RunWith(Dictionary<string, string> environment, params string[] arguments) =>
        WaitFor(Start(Directory.GetCurrentDirectory(), environment, arguments), arguments);

    /// <inheritdoc cref="RunWith"/>
    public static Outcome RunIn(string directory, Dictionary<string, string> environment, params string[] arguments) => WaitFor(Start(directory, environment, arguments), arguments);

    /// <summary>Through a program that sets something and then becomes what its last arguments say.</summary>
    public static Outcome RunThrough(string program, string[] before, string directory, Dictionary<string, string> environment, params string[] arguments) =>
        WaitFor(Start(directory, environment, program, [.. before, Executable, .. arguments]), arguments);

    public static Outcome RunIn(string directory, params string[] arguments) => WaitFor(Start(directory, arguments), arguments);

    public static Process Start(string directory, params string[] arguments) => Start(directory, [], arguments);

    private static Outcome WaitFor(Process running, string[] arguments)
    {
        using Process process = running;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"merge-engine {string.Join(' ', arguments)} did not end within {Limit}.");
        }

        return new Outcome(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    private static Process Start(string directory, Dictionary<string, string> environment, string[] arguments) => Start(directory, environment, Executable, arguments);

    private static Process Start(string directory, Dictionary<string, string> environment, string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment["DOTNET_ROOT"] = RuntimeRoot;
        start.Environment.Remove("MERGE_ENGINE_DEBUG");
        // The runtime's pipes for debuggers stay in the temporary directory when a process is killed.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }
}

/// <summary>What a run left behind.</summary>
internal sealed record Outcome(int Code, string Output, string Error)
{
    /// <summary>Stdout as exactly one JSON document.</summary>
    public JsonElement Json()
    {
        using JsonDocument document = JsonDocument.Parse(Output);
        return document.RootElement.Clone();
    }

    /// <summary>Exit code 0 and nothing that looks like trouble.</summary>
    public Outcome Succeeded()
    {
        Assert.True(Code == 0, $"exit code {Code}, stderr: {Error}");
        return this;
    }

    /// <summary>An expected failure: the code, nothing on stdout, one sentence on stderr without a stack trace.</summary>
    public Outcome Refused(int code, params string[] mentions)
    {
        Assert.True(Code == code, $"exit code {Code}, expected {code}; stderr: {Error}");
        Assert.Equal("", Output);
        string[] lines = Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string sentence = Assert.Single(lines, line => line.StartsWith("merge-engine: ", StringComparison.Ordinal) && !line.StartsWith("merge-engine: note: ", StringComparison.Ordinal));
        Assert.EndsWith(".", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", Error, StringComparison.Ordinal);
        Assert.All(mentions, mention => Assert.Contains(mention, sentence, StringComparison.Ordinal));
        return this;
    }
}
