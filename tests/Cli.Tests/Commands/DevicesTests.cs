using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class DevicesTests
{
    [Theory]
    [InlineData("MERGE_ENGINE_EMULATOR_SCHEDULE", "random:-1", "forward, reverse or random:SEED")]
    [InlineData("MERGE_ENGINE_EMULATOR_THREADS", "many", "a number from 1 to 1024")]
    [InlineData("MERGE_ENGINE_EMULATOR_STREAMS", "LATE", "eager, late or random:SEED")]
    [InlineData("MERGE_ENGINE_EMULATOR_MEMORY", "4GiB", "a number of bytes, such as 4294967296")]
    [InlineData("MERGE_ENGINE_CUDA_GRAPHS", "off", "0 (work is never replayed) or 1")]
    public void A_variable_that_cannot_be_understood_is_named_when_the_device_is_opened(string variable, string value, string expected)
    {
        CudaUnderTest.RequireEmulated();
        Outcome outcome = MergeEngineProcess.RunWith(new() { [variable] = value }, "devices", "--json").Succeeded();
        JsonElement emulated = outcome.Json().GetProperty("devices").EnumerateArray().Single(d => d.GetProperty("name").GetString() == "emulated");
        Assert.Equal($"{variable} is '{value}'; it must be {expected}.", emulated.GetProperty("problem").GetString());
        Assert.DoesNotContain(variable, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_without_an_emulated_device_names_the_variable()
    {
        CudaUnderTest.RequireEmulated();
        JsonElement devices = MergeEngineProcess.RunWith(new() { ["MERGE_ENGINE_EMULATOR_DEVICES"] = "0" }, "devices", "--json").Succeeded().Json().GetProperty("devices");
        string? problem = devices.EnumerateArray().Single(d => d.GetProperty("name").GetString() == "emulated").GetProperty("problem").GetString();
        Assert.EndsWith("MERGE_ENGINE_EMULATOR_DEVICES is 0: the emulated machine has no device.", problem, StringComparison.Ordinal);
    }

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
