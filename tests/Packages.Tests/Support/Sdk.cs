using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace MergeEngine.Packages.Tests.Support;

/// <summary>The .NET SDK beside the runtime that runs these tests, called as a stranger would: without what the tests' own environment sets.</summary>
/// <param name="scratch">Where the programs put temporary files and restored packages.</param>
internal sealed class Sdk(string scratch)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(8);

    private static readonly string s_dotnetRoot = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    private static readonly string s_program = Path.Combine(s_dotnetRoot, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");

    /// <summary>The packages that this build was restored from: what a fresh project may take instead of asking the network.</summary>
    public static string PackageCache { get; } = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } given
        ? given
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    /// <summary>Skips where tests were copied to a machine with a runtime alone.</summary>
    public static void Require()
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(s_dotnetRoot, "sdk")), $"There is no .NET SDK in {s_dotnetRoot}, and packages are made with it.");
        Assert.SkipUnless(Directory.Exists(PackageCache), $"There are no restored packages in {PackageCache}.");
    }

    /// <summary>Runs <c>dotnet ARGUMENTS</c> and gives its stdout.</summary>
    public string Run(string directory, params string[] arguments) => RunProgram(s_program, directory, arguments);

    /// <summary>Runs a program to a good end and gives its stdout; any other end is a failure with all that was printed.</summary>
    public string RunProgram(string program, string directory, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string name in start.Environment.Keys.Where(IsOurs).ToArray()) start.Environment.Remove(name);
        start.Environment["DOTNET_ROOT"] = s_dotnetRoot;
        start.Environment["DOTNET_NOLOGO"] = start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        // A project outside restores to a place of its own: packages of this version may change from build to build.
        start.Environment["NUGET_PACKAGES"] = directory == PackedPackages.RepositoryRoot ? PackageCache : Path.Combine(scratch, $"restored-{Path.GetFileName(directory)}");
        // Whatever these programs leave in the temporary directory, or running, ends with the test.
        start.Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(scratch, "t")).FullName;
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end within {s_limit}.");
        }

        var printed = new StringBuilder(output.GetAwaiter().GetResult());
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{printed}\n{error.GetAwaiter().GetResult()}");
        return printed.ToString();
    }

    /// <summary>A sanitizer that the tests run under, and settings of a build or an engine around them.</summary>
    private static bool IsOurs(string name) =>
        name is "LD_PRELOAD" or "ASAN_OPTIONS" or "DOTNET_STARTUP_HOOKS" || name.StartsWith("MERGE_ENGINE_", StringComparison.Ordinal) || name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase);
}
