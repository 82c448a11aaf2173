using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class DevicesTests
{
    [Fact]
    public void The_processor_is_listed_and_usable()
    {
        Outcome outcome = MergeEngineProcess.Run("devices", "--json").Succeeded();
        JsonElement cpu = outcome.Json().GetProperty("devices").EnumerateArray().Single(d => d.GetProperty("name").GetString() == "cpu");
        Assert.True(cpu.GetProperty("usable").GetBoolean());
        Assert.Equal("", outcome.Error);
    }

    [Fact]
    public void Text_has_a_line_for_each_device()
    {
        string text = MergeEngineProcess.Run("devices").Succeeded().Output;
        Assert.Contains("\ncpu ", text, StringComparison.Ordinal);
        Assert.Contains("\nemulated ", text, StringComparison.Ordinal);
        Assert.Contains("\nreference ", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_driver_is_explained_with_what_was_tried_and_what_to_do()
    {
        JsonElement devices = MergeEngineProcess.RunWith(new() { ["MERGE_ENGINE_CUDA_DRIVER"] = "/nowhere/libcuda.so.1" }, "devices", "--json").Succeeded().Json().GetProperty("devices");
        JsonElement cuda = devices.EnumerateArray().Single(d => d.GetProperty("name").GetString() == "cuda");
        Assert.False(cuda.GetProperty("usable").GetBoolean());
        Assert.Equal(
            "NVIDIA's driver library could not be loaded; tried /nowhere/libcuda.so.1 (no such file); MERGE_ENGINE_CUDA_DRIVER names it.",
            cuda.GetProperty("problem").GetString());
    }

    [Fact]
    public void A_command_on_a_missing_device_fails_with_the_same_sentence() => MergeEngineProcess
        .RunWith(new() { ["MERGE_ENGINE_CUDA_DRIVER"] = "/nowhere/libcuda.so.1" }, "bench", "latency", "--model", "vit-tiny", "--device", "cuda")
        .Refused(1, "NVIDIA's driver library could not be loaded; tried /nowhere/libcuda.so.1 (no such file)");
}
