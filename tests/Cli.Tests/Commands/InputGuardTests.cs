using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>No command that writes replaces what it reads, not even with --overwrite, and by no name or link.</summary>
public sealed class InputGuardTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void An_output_within_an_input_gets_a_note()
    {
        Directory.CreateDirectory(directory["model"]);
        foreach (string file in Directory.GetFiles(Repository.Fixture("vit-hf"))) File.Copy(file, directory[$"model/{Path.GetFileName(file)}"]);
        string output = directory["model/features.safetensors"];
        Outcome outcome = MergeEngineProcess.Run("encode", directory["model"], Repository.Fixture("vit-hf", "case.safetensors"), output, "--json").Succeeded();
        Assert.Contains($"merge-engine: note: {output}: lies within {directory["model"]}, an input of this command: ", outcome.Error, StringComparison.Ordinal);
        outcome.Json();
        Outcome beside = MergeEngineProcess.Run("encode", directory["model"], Repository.Fixture("vit-hf", "case.safetensors"), directory["model.safetensors"]).Succeeded();
        Assert.DoesNotContain("lies within", beside.Error, StringComparison.Ordinal);
    }

    // In {braces} stands a path of the temporary directory.
    [Theory]
    [InlineData("tune {base} {data.safetensors} {base} --overwrite")]
    [InlineData("tune {base} {data.safetensors} {link} --overwrite")]
    [InlineData("tune {base} {data.safetensors} {base/model.safetensors} --overwrite")]
    [InlineData("tune {base} {data.safetensors} {link/model.safetensors} --overwrite")]
    [InlineData("tune {base/model.safetensors} {data.safetensors} {base} --overwrite")]
    [InlineData("tune {link} {data.safetensors} {base/model.safetensors} --overwrite")]
    [InlineData("tune {base} {data.safetensors} {data.safetensors} --overwrite")]
    [InlineData("tune {base} {data.safetensors} {head.safetensors} --head {head.safetensors} --overwrite")]
    [InlineData("tune {base} {data.safetensors} {tuned} --head-out {data.safetensors} --overwrite")]
    [InlineData("tune {base} {dataset/model.safetensors} {dataset} --overwrite")]
    [InlineData("encode {base} {data.safetensors} {data.safetensors}")]
    [InlineData("encode {base} {data.safetensors} {link/model.safetensors}")]
    [InlineData("gradients {base} {data.safetensors} {base/model.safetensors} --reduction mean")]
    [InlineData("head --clip {base} --classes a,b {base/model.safetensors}")]
    [InlineData("head --clip {base} --classes {classes.txt} {classes.txt}")]
    [InlineData("experiment {miniature.yml} {base} --overwrite")]
    [InlineData("experiment {results/results.json} {results} --overwrite")]
    [InlineData("atm {miniature.yml} {link} --overwrite")]
    [InlineData("pretrain {config.json} {.} --overwrite")]
    [InlineData("report {results/results.json} --html {results/results.json}")]
    [InlineData("report {results} --html {results/results.json}")]
    public void A_command_does_not_write_over_its_inputs(string line)
    {
        Prepare();
        Dictionary<string, byte[]> before = Files();
        MergeEngineProcess.Run([.. line.Split(' ').Select(word => word is ['{', .. var name, '}'] ? directory[name] : word)]).Refused(1, "is an input of this command, expected another ");
        Dictionary<string, byte[]> after = Files();
        Assert.Equal(before.Keys.Order(StringComparer.Ordinal), after.Keys.Order(StringComparer.Ordinal));
        Assert.All(before, file => Assert.Equal(file.Value, after[file.Key]));
    }

    [Fact]
    public void An_older_output_with_a_head_in_it_is_replaced_on_request()
    {
        Prepare();
        string head = directory["tuned/head.safetensors"];
        MergeEngineProcess.Run("tune", directory["base"], directory["data.safetensors"], directory["tuned"], "--epochs", "1").Succeeded();
        File.Copy(directory["head.safetensors"], head);
        byte[] before = File.ReadAllBytes(directory["tuned/model.safetensors"]);
        MergeEngineProcess.Run("tune", directory["base"], directory["data.safetensors"], directory["tuned"], "--epochs", "2", "--head", head, "--overwrite").Succeeded();
        Assert.NotEqual(before, File.ReadAllBytes(directory["tuned/model.safetensors"]));
        Assert.Equal(File.ReadAllBytes(directory["head.safetensors"]), File.ReadAllBytes(head));
        MergeEngineProcess.Run("tune", directory["base"], directory["data.safetensors"], directory["tuned"], "--head-out", directory["tuned/model.safetensors"], "--overwrite")
            .Refused(2, "model.safetensors: is a file of OUT");
    }

    private void Prepare()
    {
        Directory.CreateDirectory(directory["base"]);
        foreach (string file in Directory.EnumerateFiles(Repository.Fixture("vit-hf"))) File.Copy(file, directory[$"base/{Path.GetFileName(file)}"]);
        File.Delete(directory["base/case.safetensors"]);
        Directory.CreateSymbolicLink(directory["link"], directory["base"]);
        Directory.CreateDirectory(directory["dataset"]);
        Directory.CreateDirectory(directory["results"]);
        using (SafetensorsFile reference = SafetensorsFile.Open(Repository.Fixture("vit-hf", "case.safetensors")))
        {
            SafetensorsWriter.Write(directory["data.safetensors"],
            [
                TensorContent.FromFloat32("train.images", reference["images"].Shape, reference.ReadFloat32("images")),
                TensorContent.FromInt32("train.labels", reference["labels"].Shape, reference.ReadInt32("labels")),
            ]);
        }

        File.Copy(directory["data.safetensors"], directory["dataset/model.safetensors"]);
        using (SafetensorsFile model = SafetensorsFile.Open(directory["base/model.safetensors"]))
        {
            TensorEntry weight = model.Tensors.Single(t => t.Name.EndsWith("classifier.weight", StringComparison.Ordinal));
            SafetensorsWriter.Write(directory["head.safetensors"], [TensorContent.FromFloat32("weight", weight.Shape, model.ReadFloat32(weight.Name))]);
        }

        directory.Write("classes.txt", "a\nb\n");
        string experiment = MiniatureExperiment.Text.Replace("MODEL", directory["base"], StringComparison.Ordinal).Replace("HEADS", directory["head.safetensors"], StringComparison.Ordinal);
        directory.Write("miniature.yml", experiment);
        directory.Write("results/results.json", experiment);
        directory.Write("config.json", "model: { image: 28 }\ntasks:\n  - { data: data.safetensors }\n");
    }

    private Dictionary<string, byte[]> Files() => Directory.EnumerateFiles(directory.Path, "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllBytes);
}
