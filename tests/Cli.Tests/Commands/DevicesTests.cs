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
        Assert.Contains("\nreference ", text, StringComparison.Ordinal);
    }
}
