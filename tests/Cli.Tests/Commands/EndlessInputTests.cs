using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>Devices that never end are refused once they have given more than any such file holds.</summary>
public sealed class EndlessInputTests
{
    [Theory]
    [InlineData("head", "--clip", "clip", "out.safetensors", "--classes", "/dev/zero")]
    [InlineData("head", "--clip", "clip", "out.safetensors", "--classes", "/dev/full")]
    [InlineData("head", "--clip", "clip", "out.safetensors", "--classes", "a,b", "--templates", "/dev/zero")]
    [InlineData("report", "/dev/zero")]
    [InlineData("report", "/dev/full", "--html", "report.html")]
    public void An_endless_file_is_refused(params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/zero is Unix's");
        using var directory = new TemporaryDirectory();
        MergeEngineProcess.RunIn(directory.Path, arguments).Refused(1, "/dev/", "has more than ");
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }
}
