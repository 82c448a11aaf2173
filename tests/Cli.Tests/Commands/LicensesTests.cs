using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class LicensesTests
{
    [Fact]
    public void The_program_prints_its_licence_and_names_every_assembly_of_others()
    {
        string output = MergeEngineProcess.Run("licenses").Succeeded().Output;
        Assert.StartsWith(File.ReadAllText(Path.Combine(Repository.Root, "LICENSE")), output, StringComparison.Ordinal);
        Assert.Contains("UNICODE LICENSE V3", output, StringComparison.Ordinal);
        // As one file it has none beside it, and brings the runtime.
        string directory = Path.GetDirectoryName(MergeEngineProcess.Executable)!;
        if (!File.Exists(Path.Combine(directory, "merge-engine.dll")))
        {
            Assert.Contains(".NET Runtime uses third-party libraries", output, StringComparison.Ordinal);
            return;
        }

        string dependencies = File.ReadAllText(Path.Combine(directory, "merge-engine.deps.json"));
        string[] others = ["CsvHelper", "OxyPlot.Core", "Spectre.Console", "StbImageSharp", "System.CommandLine", "System.Numerics.Tensors", "YamlDotNet"];
        Assert.All(others, name => Assert.Contains($"\"{name}/", dependencies, StringComparison.Ordinal));
        Assert.Equal(others.Length, dependencies.Split("\"type\": \"package\"").Length - 1);
        Assert.All(others, name => Assert.Contains($"\n{name} ", output, StringComparison.Ordinal));
    }
}
