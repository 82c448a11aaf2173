using System.Text.Json;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class BenchTests
{
    [Fact]
    public void Kernels_are_measured_beside_their_ceiling()
    {
        JsonElement report = MergeEngineProcess.Run("bench", "gemm", "--threads", "1", "--json").Succeeded().Json();
        Assert.Equal(1, report.GetProperty("threads").GetInt32());
        Assert.Equal(3, report.GetProperty("kernels").GetArrayLength());
        Assert.All(report.GetProperty("kernels").EnumerateArray(), kernel =>
        {
            Assert.True(kernel.GetProperty("rate").GetDouble() > 0);
            Assert.Equal(kernel.GetProperty("rate").GetDouble() / kernel.GetProperty("ceiling").GetDouble(), kernel.GetProperty("share").GetDouble(), 1e-12);
        });
    }

    [Fact]
    public void Unknown_kernels_are_a_usage_error() => MergeEngineProcess.Run("bench", "everything").Refused(2, "everything");
}
