using System.ComponentModel;
using System.Diagnostics;
using MergeEngine.Benchmarks.Frame;

namespace MergeEngine.Benchmarks.Tests.Peers;

/// <summary>Runs the comparison scripts with the Python that is here; skips where there is none.</summary>
internal static class Python
{
    private static readonly Lazy<string?> s_executable = new(() => new[] { "python3", "python" }.FirstOrDefault(name => Try(name, ["--version"]) is { Code: 0 }));

    public static string Scripts { get; } = Path.Combine(Repository.Root, "bench", "peers");

    public static string Executable
    {
        get
        {
            Assert.SkipUnless(s_executable.Value is not null, "There is no Python here.");
            return s_executable.Value!;
        }
    }

    public static (int Code, string Output, string Error) Run(params string[] arguments) => Try(Executable, arguments)!.Value;

    private static (int Code, string Output, string Error)? Try(string name, string[] arguments)
    {
        var start = new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            return (process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
