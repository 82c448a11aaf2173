using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class BenchTests
{
    [Theory]
    [InlineData("gemm", "cpu", 3)]
    [InlineData("gemm", "emulated", 2)]
    [InlineData("elementwise", "emulated", 13)]
    public void Kernels_are_measured_beside_their_ceiling(string kernels, string device, int count)
    {
        JsonElement report = MergeEngineProcess.Run("bench", kernels, "--device", device, "--threads", "1", "--json").Succeeded().Json();
        Assert.Equal(device, report.GetProperty("device").GetString());
        Assert.Equal(count, report.GetProperty("kernels").GetArrayLength());
        Assert.All(report.GetProperty("kernels").EnumerateArray(), kernel =>
        {
            Assert.True(kernel.GetProperty("rate").GetDouble() > 0);
            Assert.Equal(kernel.GetProperty("rate").GetDouble() / kernel.GetProperty("ceiling").GetDouble(), kernel.GetProperty("share").GetDouble(), 1e-12);
        });
    }

    [Fact]
    public void Merges_are_measured_beside_their_files_and_leave_none()
    {
        using var directory = new TemporaryDirectory();
        JsonElement report = MergeEngineProcess.Run(
            "bench", "merge", "--models", "2", "--parameters", "200000", "--rounds", "1", "--threads", "2", "--directory", directory.Path, "--json").Succeeded().Json();
        Assert.Equal(2, report.GetProperty("models").GetInt32());
        Assert.Contains("della", report.GetProperty("merges").EnumerateArray().Select(m => m.GetProperty("method").GetString()));
        Assert.All(report.GetProperty("merges").EnumerateArray(), merge =>
        {
            double floor = merge.GetProperty("floor_seconds").GetDouble();
            Assert.True(floor > 0 && merge.GetProperty("peak_memory").GetInt64() > 0);
            Assert.Equal(merge.GetProperty("seconds").GetDouble() / floor, merge.GetProperty("ratio").GetDouble(), 1e-12);
        });
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void Options_of_merges_are_refused_elsewhere() => MergeEngineProcess.Run("bench", "gemm", "--models", "3").Refused(2, "--models");

    [Fact]
    public void The_reference_device_has_no_speed_to_measure() => MergeEngineProcess.Run("bench", "gemm", "--device", "reference").Refused(2, "reference");

    [Fact]
    public void Unknown_kernels_are_a_usage_error() => MergeEngineProcess.Run("bench", "everything").Refused(2, "everything");
}
