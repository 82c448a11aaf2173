using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>This executable as a writer that can be killed: with the variable set it writes outputs instead of running tests.</summary>
internal static class WriterProcess
{
    private const string Variable = "MERGE_ENGINE_TEST_WRITER";

    /// <summary>Starts a writer that puts version 1, 2, 3… of a model to one path, each in the place of the one before.</summary>
    public static Process StartVersions(string path) => Start($"versions:{path}");

    /// <summary>Starts a writer that puts a model to one path again and again, whoever else does.</summary>
    public static Process StartContender(string path) => Start($"contend:{path}");

    /// <summary>Starts a writer of one model, slow enough to be killed in the middle, that goes on with what it finds.</summary>
    public static Process StartSlow(string path) => Start($"slow:{path}");

    /// <summary>Starts a writer on a file system of 8 MiB, mounted where only it sees it, with what is left there listed on stdout.</summary>
    public static Process StartOnTinyDisk(string mountPoint, bool preallocate) =>
        Start($"{(preallocate ? "large" : "late")}:{mountPoint}/out", "unshare", ["-Urm", "sh", "-c", "mount -t tmpfs -o size=8m none \"$0\" && \"$1\"; code=$?; ls -A \"$0\"; exit $code", mountPoint, Environment.ProcessPath!]);

    private static Process Start(string work, string? program = null, string[]? arguments = null)
    {
        var start = new ProcessStartInfo(program ?? Environment.ProcessPath!, arguments ?? []) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[Variable] = work;
        // The runtime's pipes for debuggers would stay in the temporary directory when the process is killed.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        return Process.Start(start) ?? throw new InvalidOperationException("The writer did not start.");
    }

#pragma warning disable CA2255 // The one way into this executable before the test runner takes over.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } work) return;
        string path = work[(work.IndexOf(':', StringComparison.Ordinal) + 1)..];
        try
        {
            if (work.StartsWith("versions:", StringComparison.Ordinal)) WriteVersions(path);
            else if (work.StartsWith("slow:", StringComparison.Ordinal)) WriteSlowly(path);
            else if (work.StartsWith("contend:", StringComparison.Ordinal)) SecondWriterTests.Contend(path, 150);
            else if (work.StartsWith("large:", StringComparison.Ordinal)) SyntheticModel.Write(path, SyntheticModel.Large);
            else WriteLate(path);
            Environment.Exit(0);
        }
        catch (SafetensorsException e)
        {
            Console.Error.WriteLine(e.Message);
            Environment.Exit(3);
        }
    }

    private static void WriteVersions(string path)
    {
        for (int version = 1; ; version++)
        {
            SyntheticModel.Write(path, SyntheticModel.Small, SyntheticModel.Options with { Overwrite = true }, version);
            Console.WriteLine(version);
        }
    }

    private static void WriteSlowly(string path)
    {
        using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), SyntheticModel.Options with { Resume = true, KeepPartial = true });
        Console.WriteLine(output.RestoredBytes);
        foreach (var (tensor, first, count) in SyntheticModel.Chunks(SyntheticModel.Large, 1 << 20))
        {
            Thread.Sleep(2);
            if (!output.IsWritten(tensor, first, count)) output.Write(tensor, first, SyntheticModel.BytesOf(tensor, first, count));
        }

        output.AddFile("config.json", """{"model_type":"none"}"""u8);
        output.Complete();
    }

    /// <summary>The weights fit, what comes after them does not.</summary>
    private static void WriteLate(string path)
    {
        OutputPlan plan = OutputPlan.Create([new("a", Tensors.Numerics.DType.U8, new Tensors.Numerics.Shape(6 << 20))]);
        using OutputDirectory output = OutputDirectory.Open(path, plan, SyntheticModel.Description(), SyntheticModel.Options);
        SyntheticModel.WriteAll(output, plan);
        output.AddFile("tokenizer.json", new byte[4 << 20]);
        output.Complete();
    }
}
