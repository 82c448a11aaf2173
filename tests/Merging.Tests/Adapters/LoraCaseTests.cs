using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Adapters;

/// <summary>The merges that mergekit made of models with adapters, on its own files.</summary>
public sealed class LoraCaseTests
{
    /// <summary>Bound: twice the largest difference of mergekit's values from float64, which is the rounding of the output's type.</summary>
    [Theory]
    [InlineData("lora-plain-applied")]
    [InlineData("lora-alpha-applied")]
    [InlineData("lora-rslora-applied")]
    [InlineData("lora-ta")]
    [InlineData("lora-bf16-files")]
    [InlineData("lora-bf16")]
    public void Values_are_those_of_the_reference(string name)
    {
        Assert.SkipUnless(Directory.Exists(MergekitCases.FullSet), "The full set of mergekit's cases is not beside the repository.");
        using var device = DeviceCases.Open("cpu", 2);
        Recipe recipe = MergekitCases.Recipe(name);
        using MergeJob job = MergePlanner.Plan(recipe, new PlanOptions { WorkingDirectory = MergekitCases.FullSet });
        using Checkpoint expected = Checkpoint.Open(Path.Combine(MergekitCases.FullSet, "cases", name, "expected"));
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(MergekitCases.FullSet, "cases.json")));
        double bound = 2 * cases.RootElement.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("name").GetString() == name).GetProperty("float64_max_abs").GetDouble();
        Assert.Equal(expected.Names, job.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.Contains(job.Inputs, i => i.Path.EndsWith("adapter_model.safetensors", StringComparison.Ordinal));
        int adapted = 0, unequal = 0;
        foreach (TensorJob tensor in job.Tensors)
        {
            Assert.Equal((expected[tensor.Name].DType, expected[tensor.Name].Shape), (tensor.DType, tensor.Shape));
            if (tensor.Sources.Any(s => s.Transform is not null)) adapted++;
            float[] values = expected.ReadFloat32(tensor.Name), found = JobValues.Merge(tensor, device);
            for (int i = 0; i < values.Length; i++)
            {
                Assert.True(Math.Abs((double)values[i] - found[i]) <= bound, $"{tensor.Name}[{i}]: {found[i]:g9}, expected {values[i]:g9} within {bound:g3}.");
                if (values[i] != found[i]) unequal++;
            }
        }

        Assert.Equal(8, adapted);
        if (name == "lora-bf16-files") Assert.Equal(0, unequal);
    }
}
