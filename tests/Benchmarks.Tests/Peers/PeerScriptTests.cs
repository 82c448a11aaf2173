using System.Text.Json;

namespace MergeEngine.Benchmarks.Tests.Peers;

/// <summary>The scripts that measure other programs, which are seldom installed where tests run.</summary>
public sealed class PeerScriptTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("merge-engine-");

    public static TheoryData<string> Scripts => [.. Directory.GetFiles(Python.Scripts, "*.py").Select(path => Path.GetFileName(path)).Order()];

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Scripts))]
    public void A_script_is_valid_Python(string name)
    {
        (int code, _, string error) = Python.Run("-c", "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read(), sys.argv[1])", Path.Combine(Python.Scripts, name));
        Assert.True(code == 0, error);
    }

    [Theory]
    [InlineData("gemm.py", "--shapes")]
    [InlineData("step.py", "--model")]
    [InlineData("latency.py", "--runtime")]
    [InlineData("merge.py", "--program")]
    [InlineData("compare.py", "--turns")]
    public void A_script_says_what_it_takes(string name, string option)
    {
        (int code, string output, string error) = Python.Run(Path.Combine(Python.Scripts, name), "--help");
        Assert.True(code == 0, error);
        Assert.Contains(option, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gemm.py", "torch", "--shapes", "8x8x8", "--threads", "1")]
    [InlineData("step.py", "torch", "--threads", "1")]
    [InlineData("latency.py", "onnxruntime", "--runtime", "onnxruntime", "--threads", "1")]
    [InlineData("merge.py", "mergekit", "--threads", "1")]
    public void A_peer_that_is_not_installed_is_named(string name, string missing, params string[] arguments)
    {
        Assert.SkipWhen(Python.Run("-c", $"import {missing}").Code == 0, $"{missing} is installed here.");
        (int code, string output, string error) = Python.Run([Path.Combine(Python.Scripts, name), .. arguments]);
        Assert.Equal((3, ""), (code, output));
        Assert.StartsWith("not installed here: ", error, StringComparison.Ordinal);
        Assert.Contains(missing, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_to_merge_are_checkpoints_of_the_size_that_was_asked_for()
    {
        // Stands for merge-engine: makes the target directory that the script expects, after the recipe was readable.
        string program = Path.Combine(_directory.FullName, "program");
        File.WriteAllText(program, $"#!/bin/sh\n{Python.Executable} -c 'import json, os, sys; r = json.load(open(sys.argv[2])); print(r[\"merge_method\"]); os.mkdir(sys.argv[3])' \"$@\"\n");
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "The stand-in is a shell script.");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string models = Path.Combine(_directory.FullName, "models");
        (int code, string output, string error) = Python.Run(
            Path.Combine(Python.Scripts, "merge.py"), "--program", "merge-engine", "--executable", program, "--directory", models, "--models", "2", "--width", "24", "--layers", "1",
            "--method", "ties", "--method", "linear", "--threads", "1");
        Assert.True(code == 0, error);
        using JsonDocument document = JsonDocument.Parse(output);
        Assert.Equal(["ties", "linear"], document.RootElement.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("method").GetString()));
        foreach (string model in (string[])["base", "model-1", "model-2"])
        {
            using Tensors.Safetensors.Checkpoint checkpoint = Tensors.Safetensors.Checkpoint.Open(Path.Combine(models, model));
            // Two matrices of 2048 rows, four of 24, three of 64, three norms.
            Assert.Equal((2 * 2048 * 24) + (4 * 24 * 24) + (3 * 64 * 24) + (3 * 24), checkpoint.TotalByteLength / sizeof(float));
        }
    }
}
