using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>Models with NaN are named, and what comes of them is not handed on in silence.</summary>
public sealed class NotFiniteTests : IDisposable
{
    private static readonly string Base = Repository.Fixture("vit-hf");
    private static readonly string Inputs = Repository.Fixture("vit-hf", "case.safetensors");
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Encoding_counts_values_that_are_not_finite()
    {
        Outcome outcome = MergeEngineProcess.Run("encode", Broken(), Inputs, directory["out.safetensors"], "--json").Succeeded();
        using SafetensorsFile file = SafetensorsFile.Open(directory["out.safetensors"]);
        long expected = file.Tensors.Sum(t => file.ReadFloat32(t.Name).LongCount(value => !float.IsFinite(value)));
        Assert.True(expected > 0);
        Assert.Equal(expected, outcome.Json().GetProperty("not_finite").GetInt64());
        Assert.Contains($"merge-engine: note: {directory["out.safetensors"]}: {expected} of ", outcome.Error, StringComparison.Ordinal);
        Outcome good = MergeEngineProcess.Run("encode", Base, Inputs, directory["good.safetensors"], "--json").Succeeded();
        Assert.False(good.Json().TryGetProperty("not_finite", out _));
        Assert.DoesNotContain("NaN", good.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Tuning_names_the_model_and_writes_nothing()
    {
        using (SafetensorsFile reference = SafetensorsFile.Open(Inputs))
        {
            SafetensorsWriter.Write(directory["data.safetensors"],
            [
                TensorContent.FromFloat32("train.images", reference["images"].Shape, reference.ReadFloat32("images")),
                TensorContent.FromInt32("train.labels", reference["labels"].Shape, reference.ReadInt32("labels")),
            ]);
        }

        MergeEngineProcess.Run("tune", Broken(), directory["data.safetensors"], directory["tuned"], "--epochs", "1").Refused(1, $"{directory["broken"]}: the loss is not a number before the first step");
        Assert.False(Directory.Exists(directory["tuned"]));
    }

    [Fact]
    public void An_analysis_says_what_a_dash_stands_for()
    {
        Assert.Contains("'–' stands for", MergeEngineProcess.Run("analyze", Base, Broken()).Succeeded().Error, StringComparison.Ordinal);
        JsonElement zero = MergeEngineProcess.Run("analyze", Base, $"same={Base}", "--json").Succeeded().Json();
        Assert.Equal("NaN", zero.GetProperty("cosine")[0][0].GetString());
    }

    private string Broken()
    {
        Directory.CreateDirectory(directory["broken"]);
        File.Copy(Path.Combine(Base, "config.json"), directory["broken/config.json"], overwrite: true);
        using SafetensorsFile good = SafetensorsFile.Open(Path.Combine(Base, "model.safetensors"));
        SafetensorsWriter.Write(directory["broken/model.safetensors"], [.. good.Tensors.Select(t =>
        {
            float[] values = good.ReadFloat32(t.Name);
            if (t.Name.EndsWith("layernorm.bias", StringComparison.Ordinal)) values[0] = float.NaN;
            return TensorContent.FromFloat32(t.Name, t.Shape, values);
        })]);
        return directory["broken"];
    }
}
