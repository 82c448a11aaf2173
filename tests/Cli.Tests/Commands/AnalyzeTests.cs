using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class AnalyzeTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Norms_cosines_and_signs_are_those_of_the_fixture()
    {
        using SafetensorsFile expected = SafetensorsFile.Open(Repository.Fixture("tatr", "case.safetensors"));
        string[] models = [.. Enumerable.Range(0, 4).Select(k => $"task{k}={Repository.Fixture("tatr", $"task-{k}", "model.safetensors")}")];
        JsonElement report = MergeEngineProcess.Run(["analyze", Repository.Fixture("tatr", "base"), .. models, "--json"]).Succeeded().Json();
        float[] cosine = expected.ReadFloat32("tau_cosine"), signs = expected.ReadFloat32("sign_agreement"), norm = expected.ReadFloat32("tau_norm");
        for (int i = 0; i < 4; i++)
        {
            // The fixture's float64 values were rounded to float32 on reading here: 6e-8 of their size.
            Assert.Equal(norm[i], report.GetProperty("norm")[i].GetDouble(), norm[i] * 1e-6);
            for (int j = 0; j < 4; j++)
            {
                Assert.Equal(cosine[(4 * i) + j], report.GetProperty("cosine")[i][j].GetDouble(), 1e-6);
                Assert.Equal(signs[(4 * i) + j], report.GetProperty("sign_agreement")[i][j].GetDouble(), 1e-6);
            }
        }
    }

    [Fact]
    public void Text_names_base_and_models()
    {
        string text = MergeEngineProcess.Run("analyze", Model("base", 3, 1), Model("a", 3, 2), Model("b", 3, 3)).Succeeded().Output;
        Assert.StartsWith($"task vectors from {directory["base.safetensors"]}, 3 parameters", text, StringComparison.Ordinal);
        Assert.Contains("\na ", text, StringComparison.Ordinal);
        Assert.Contains("cosine", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_equals_the_base_has_no_cosine() =>
        Assert.Equal("NaN", MergeEngineProcess.Run("analyze", Model("base", 3, 1), Model("same", 3, 1), "--json").Succeeded().Json().GetProperty("cosine")[0][0].GetString());

    [Fact]
    public void A_model_of_another_shape_is_refused_with_its_tensors() =>
        MergeEngineProcess.Run("analyze", Model("base", 3, 1), Model("longer", 4, 1)).Refused(1, "longer.safetensors", "'weight' is [4], expected [3]");

    [Fact]
    public void Two_models_of_one_name_are_a_usage_error() =>
        MergeEngineProcess.Run("analyze", Model("base", 3, 1), Model("a", 3, 2), directory["a.safetensors"]).Refused(2, "'a'");

    private string Model(string name, int length, float value)
    {
        string path = directory[$"{name}.safetensors"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("weight", new Shape(length), Enumerable.Range(1, length).Select(i => value * i * i).ToArray())]);
        return path;
    }
}
