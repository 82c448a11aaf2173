using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class VerifyTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void An_output_as_it_was_written_ends_with_0()
    {
        string path = Output();
        Assert.EndsWith(": as the manifest says\n", MergeEngineProcess.Run("verify", path).Succeeded().Output, StringComparison.Ordinal);
        JsonElement report = MergeEngineProcess.Run("verify", path, "--json").Succeeded().Json();
        Assert.True(report.GetProperty("intact").GetBoolean());
        Assert.Equal(2, report.GetProperty("files").GetInt32());
    }

    /// <summary>.NET ends a process that wants SHA-256 where it can load no OpenSSL: here it finds libraries that are none.</summary>
    [Fact]
    public void Without_OpenSSL_the_same_is_written_and_verified()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems bring a SHA-256 of their own.");
        foreach (string name in new[] { "libssl", "libcrypto" })
        {
            foreach (string version in new[] { "3", "1.1", "1.0.2", "1.0.0", "10" }) directory.Write($"{name}.so.{version}", "no library");
        }

        string path = directory["out"];
        string[] merge = ["merge", "--method", "linear", "--model", $"{SmallModel.Write(directory["a"], 1)}=0.5", "--model", $"{SmallModel.Write(directory["b"], 2)}=0.5", "--quiet"];
        var hidden = new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = directory.Path };
        MergeEngineProcess.Run([.. merge, path]).Succeeded();
        MergeEngineProcess.RunWith(hidden, [.. merge, directory["again"]]).Succeeded();
        Assert.EndsWith(": as the manifest says\n", MergeEngineProcess.RunWith(hidden, "verify", path).Succeeded().Output, StringComparison.Ordinal);
        MergeEngineProcess.Run("verify", directory["again"]).Succeeded();
        Assert.Equal(File.ReadAllBytes(Path.Combine(path, "model.safetensors")), File.ReadAllBytes(directory["again/model.safetensors"]));
    }

    [Fact]
    public void A_change_ends_with_1_and_a_line_for_each_difference()
    {
        string path = Output();
        byte[] weights = File.ReadAllBytes(Path.Combine(path, "model.safetensors"));
        weights[^1] ^= 1;
        File.WriteAllBytes(Path.Combine(path, "model.safetensors"), weights);
        File.WriteAllText(Path.Combine(path, "notes.txt"), "mine");
        Outcome outcome = MergeEngineProcess.Run("verify", path);
        Assert.Equal((1, ""), (outcome.Code, outcome.Error));
        Assert.Equal("\"model.safetensors\" has another SHA-256 than the manifest says.\n\"notes.txt\" is not in the manifest.\n", outcome.Output);
        Outcome json = MergeEngineProcess.Run("verify", path, "--json");
        Assert.Equal(1, json.Code);
        Assert.Equal(2, json.Json().GetProperty("differences").GetArrayLength());
    }

    [Fact]
    public void A_directory_without_a_manifest_gets_one_sentence() => MergeEngineProcess.Run("verify", directory.Path).Refused(1, "merge-manifest.json");

    private string Output()
    {
        string path = directory["out"];
        OutputPlan plan = OutputPlan.Create([new OutputTensor("weight", DType.F32, new Shape(3))]);
        var description = new MergeDescription { Recipe = "models: []", Dialect = "mergekit" };
        using OutputDirectory output = OutputDirectory.Open(path, plan, description);
        output.Write(plan["weight"], 0, new byte[12]);
        output.AddFile("config.json", "{}"u8);
        output.Complete();
        return path;
    }
}
