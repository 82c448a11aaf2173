using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class ProfileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("evaluate", "ArgMax")]
    [InlineData("encode", "PatchesForward")]
    [InlineData("gradients", "LinearBackwardWeight")]
    public void Commands_that_run_a_model_tell_what_each_operation_took(string name, string typical)
    {
        string model = Repository.Fixture("vit-hf"), input = Repository.Fixture("vit-hf", "case.safetensors");
        string[] command = name switch
        {
            "evaluate" => [name, model, input, "--profile"],
            "encode" => [name, model, input, directory["out.safetensors"], "--profile"],
            _ => [name, model, input, directory["out.safetensors"], "--reduction", "mean", "--profile"],
        };
        JsonElement profile = MergeEngineProcess.Run([.. command, "--json"]).Succeeded().Json().GetProperty("profile");
        JsonElement[] operations = [.. profile.GetProperty("operations").EnumerateArray()];
        Assert.Contains(operations, o => o.GetProperty("name").GetString() == typical);
        Assert.Equal(operations.Sum(o => o.GetProperty("seconds").GetDouble()), profile.GetProperty("operation_seconds").GetDouble(), 1e-9);
        Assert.All(operations, o => Assert.True(o.GetProperty("calls").GetInt64() > 0 && o.GetProperty("bytes").GetDouble() > 0));

        string table = MergeEngineProcess.Run(command).Succeeded().Output;
        Assert.Contains("outside of operations", table, StringComparison.Ordinal);
        Assert.Contains(typical, table, StringComparison.Ordinal);
    }
}
