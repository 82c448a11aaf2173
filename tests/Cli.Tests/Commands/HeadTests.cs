using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class HeadTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_file_with_the_heads_of_several_tasks_gives_the_one_of_the_data()
    {
        MiniatureExperiment.Write(directory);
        string all = Repository.Fixture("tatr", "heads.safetensors");
        using (SafetensorsFile heads = SafetensorsFile.Open(all))
        {
            SafetensorsWriter.Write(
                directory["one.safetensors"],
                [.. new[] { "weight", "bias" }.Select(name => TensorContent.FromFloat32(name, heads[$"2.{name}"].Shape, heads.ReadFloat32($"2.{name}")))]);
        }

        Assert.Equal(Evaluate("2", directory["one.safetensors"]), Evaluate("2", all));
        Assert.NotEqual(Evaluate("0", directory["one.safetensors"]), Evaluate("0", all));
    }

    [Fact]
    public void A_file_without_a_head_for_the_data_says_what_it_holds()
    {
        MiniatureExperiment.Write(directory);
        File.Move(directory["2.safetensors"], directory["stranger.safetensors"]);
        MergeEngineProcess.Run("evaluate", Repository.Fixture("tatr", "base"), directory["stranger.safetensors"], "--head", Repository.Fixture("tatr", "heads.safetensors"))
            .Refused(1, "heads.safetensors", "\"stranger.weight\"", "\"0.weight\"");
    }

    [Fact]
    public void A_head_of_another_width_is_named_itself()
    {
        MiniatureExperiment.Write(directory);
        SafetensorsWriter.Write(directory["narrow.safetensors"], [TensorContent.FromFloat32("weight", new Shape(10, 5), new float[50])]);
        MergeEngineProcess.Run("evaluate", Repository.Fixture("tatr", "base"), directory["2.safetensors"], "--head", directory["narrow.safetensors"])
            .Refused(1, "narrow.safetensors", "5 columns");
    }

    /// <summary>The report, whose path of the head is left out.</summary>
    private string Evaluate(string task, string head)
    {
        string output = MergeEngineProcess.Run("evaluate", Repository.Fixture("tatr", "base"), directory[$"{task}.safetensors"], "--head", head, "--json").Succeeded().Output;
        Assert.Contains(head, output, StringComparison.Ordinal);
        return output.Replace(head, "", StringComparison.Ordinal);
    }
}
