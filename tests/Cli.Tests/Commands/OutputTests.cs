using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>What a command will not write over, and that it says so before it works.</summary>
public sealed class OutputTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void An_input_is_not_written_over()
    {
        string input = directory["input.safetensors"], model = directory["model"];
        File.Copy(Repository.Fixture("vit-hf", "case.safetensors"), input);
        Directory.CreateDirectory(model);
        foreach (string file in Directory.EnumerateFiles(Repository.Fixture("vit-hf"))) File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        File.CreateSymbolicLink(directory["link.safetensors"], input);
        byte[] before = File.ReadAllBytes(input);
        MergeEngineProcess.Run("encode", model, input, input).Refused(1, "input.safetensors", "is an input of this command");
        MergeEngineProcess.Run("encode", model, directory["link.safetensors"], input).Refused(1, "is an input of this command");
        MergeEngineProcess.Run("encode", model, input, directory["model/model.safetensors"]).Refused(1, "is an input of this command");
        MergeEngineProcess.Run("gradients", model, input, input, "--reduction", "mean").Refused(1, "is an input of this command");
        Assert.Equal(before, File.ReadAllBytes(input));
        MergeEngineProcess.Run("encode", model, input, directory["model/new.safetensors"]).Succeeded();
    }

    [Fact]
    public void Files_in_directories_of_an_output_arrive_where_one_stood_before()
    {
        directory.Write("file", "untouched");
        string output = directory["out"];
        foreach (string text in (string[])["first", "second"])
        {
            Terminal.OutputDirectory.Write(output, path =>
            {
                Directory.CreateDirectory(Path.Combine(path, "1_Pooling"));
                File.WriteAllText(Path.Combine(path, "config.json"), text);
                File.WriteAllText(Path.Combine(path, "1_Pooling", "config.json"), text);
            });
            Assert.Equal((text, text), (File.ReadAllText(directory["out/config.json"]), File.ReadAllText(directory["out/1_Pooling/config.json"])));
        }

        Assert.Equal(["file", "out"], Directory.GetFileSystemEntries(directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_device_is_not_replaced_by_a_file()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "devices are told from files on Linux");
        // A link to it is enough, and safe where the test may write anywhere.
        File.CreateSymbolicLink(directory["null.safetensors"], "/dev/null");
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), Repository.Fixture("vit-hf", "case.safetensors"), directory["null.safetensors"])
            .Refused(1, "null.safetensors", "is a device");
        Assert.Equal("/dev/null", new FileInfo(directory["null.safetensors"]).LinkTarget);
    }

    [Fact]
    public void A_place_where_nothing_can_be_written_is_noticed_before_the_work()
    {
        string file = directory.Write("experiment.yml", "this file is never read");
        directory.Write("file", "");
        MergeEngineProcess.Run("experiment", file, directory["file/out"]).Refused(1, "file/out", "is a file");
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc is Linux's");
        // Not even root makes files there.
        MergeEngineProcess.Run("experiment", file, "/proc/merge-engine-out").Refused(1, "/proc/merge-engine-out: cannot be written because");
        Assert.Equal(["experiment.yml", "file"], Directory.GetFileSystemEntries(directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
