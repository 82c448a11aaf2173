using System.Text.Json;
using MergeEngine.Merging.Adapters.Extraction;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Adapters;

/// <summary>The adapters that mergekit-extract-lora made, on its own files. Factors are not unique, their products are.</summary>
public sealed class ExtractionCaseTests
{
    [Theory]
    [InlineData("extract-lora", "cpu")]
    [InlineData("extract-lora-skip", "cpu")]
    [InlineData("extract-lora-embed", "cpu")]
    [InlineData("extract-lora-bf16", "cpu")]
    [InlineData("extract-lora", "emulated")]
    public void Products_are_those_of_the_reference(string name, string deviceName)
    {
        Assert.SkipUnless(Directory.Exists(MergekitCases.FullSet), "The full set of mergekit's cases is not beside the repository.");
        using Device device = DeviceCases.Open(deviceName, 2);
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(MergekitCases.FullSet, "cases.json")));
        JsonElement stated = cases.RootElement.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name);
        double bound = 2 * stated.GetProperty("float64_max_abs").GetDouble();
        using var directory = new TemporaryDirectory();
        LoraExtraction.Run(Options([.. stated.GetProperty("options").EnumerateArray().Select(o => o.GetString()!)], device), directory.Path);

        string reference = Path.Combine(MergekitCases.FullSet, "cases", name, "expected");
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(reference, "adapter_model.safetensors")), found = SafetensorsFile.Open(directory.File("adapter_model.safetensors"));
        Assert.Equal(expected.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal), found.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.Equal(expected.Metadata, found.Metadata);
        foreach (TensorEntry tensor in expected.Tensors)
        {
            Assert.Equal(tensor.DType, found[tensor.Name].DType);
            bool isEmpty = tensor.ElementCount == 0;
            if (!isEmpty) Assert.Equal(tensor.Shape, found[tensor.Name].Shape);
            if (!tensor.Name.Contains("lora_", StringComparison.Ordinal)) Assert.Equal(expected.GetSpan(tensor.Name), found.GetSpan(tensor.Name));
            if (!tensor.Name.Contains("_B", StringComparison.Ordinal)) continue;
            string other = tensor.Name.Replace("_B", "_A", StringComparison.Ordinal);
            double[] theirs = Product(expected, tensor.Name, other), ours = Product(found, tensor.Name, other);
            for (int i = 0; i < theirs.Length; i++) Assert.True(Math.Abs(theirs[i] - ours[i]) <= bound, $"{tensor.Name}[{i}]: {ours[i]:g9}, expected {theirs[i]:g9} within {bound:g3}.");
        }

        using JsonDocument theirConfig = Read(reference), ourConfig = Read(directory.Path);
        foreach (JsonProperty value in theirConfig.RootElement.EnumerateObject())
        {
            if (value.Name == "base_model_name_or_path") continue;
            JsonElement mine = ourConfig.RootElement.GetProperty(value.Name);
            // A module without any difference has a rank of 1 with zeros: PEFT takes no rank of 0.
            Assert.Equal(Canonical(value.Value).Replace("=0", "=1", StringComparison.Ordinal), Canonical(mine));
        }
    }

    private static JsonDocument Read(string directory) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "adapter_config.json")));

    /// <summary>Lists in no order; numbers by value.</summary>
    private static string Canonical(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Canonical).Order(StringComparer.Ordinal)),
        JsonValueKind.Object => string.Join(", ", value.EnumerateObject().Select(p => $"{p.Name}={Canonical(p.Value)}").Order(StringComparer.Ordinal)),
        JsonValueKind.Number => $"{value.GetDouble()}",
        _ => value.ToString(),
    };

    private static double[] Product(SafetensorsFile file, string b, string a)
    {
        int rank = (int)file[a].Shape[0], inputs = (int)file[a].Shape[1], outputs = (int)file[b].Shape[0];
        float[] left = file.ReadFloat32(b), right = file.ReadFloat32(a);
        var product = new double[outputs * inputs];
        for (int i = 0; i < product.Length; i++)
        {
            for (int k = 0; k < rank; k++) product[i] += (double)left[((i / inputs) * rank) + k] * right[(k * inputs) + (i % inputs)];
        }

        return product;
    }

    private static LoraExtractionOptions Options(string[] arguments, Device device)
    {
        string[] After(string option) => [.. arguments.Index().Where(a => a.Item == option).Select(a => arguments[a.Index + 1])];
        return new LoraExtractionOptions
        {
            Model = Path.Combine(MergekitCases.FullSet, After("--model")[0]),
            BaseModel = Path.Combine(MergekitCases.FullSet, After("--base-model")[0]),
            Device = device,
            MaxRank = int.Parse(After("--max-rank")[0]),
            DistributeScale = !arguments.Contains("--no-distribute-scale"),
            EmbedLora = arguments.Contains("--embed-lora"),
            SkipUndecomposable = arguments.Contains("--skip-undecomposable"),
            Exclude = After("-e"),
            Include = After("-i"),
            SingularValueEpsilon = After("--sv-epsilon") is [string epsilon] ? double.Parse(epsilon) : 0,
        };
    }
}
