using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>
/// The commands on the CUDA device: the emulated one, or a GPU where MERGE_ENGINE_TEST_DEVICE names it. What the processor gives, it gives within the
/// bounds that float32 PyTorch sets.
/// </summary>
public sealed class CudaTests : IDisposable
{
    private static readonly string Device = CudaUnderTest.Name;

    private readonly TemporaryDirectory directory = new();

    public CudaTests() => CudaUnderTest.Require();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("vit-hf", 3)]
    [InlineData("vit-clip", 3)]
    [InlineData("vit-timm", 2)]
    public void Outputs_are_those_of_pytorch(string fixture, int layers)
    {
        string input = Repository.Fixture(fixture, "case.safetensors"), output = directory["out.safetensors"];
        MergeEngineProcess.Run("encode", Repository.Fixture(fixture), input, output, "--hidden", "--device", Device).Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        Assert.Equal(layers + 3, Expected.Agree(actual, reference, Expected.ForwardBound).Length);
    }

    /// <summary>
    /// One rounding of an input is 2^-11 in TF32 and 2^-8 in bfloat16. Three layers of products and residual sums were seen to leave 3.4 of the one (which
    /// hardware may cut off rather than round) and 1.9 of the other in the logits; the bound is eight. Float32 is at a thousandth.
    /// </summary>
    [Theory]
    [InlineData("tf32", 11)]
    [InlineData("bf16", 8)]
    public void A_precision_costs_what_its_rounding_costs(string precision, int bits)
    {
        string input = Repository.Fixture("vit-hf", "case.safetensors"), output = directory["out.safetensors"];
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), input, output, "--device", Device, "--precision", precision).Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        float[] logits = actual.ReadFloat32("logits"), wanted = reference.ReadFloat32("logits");
        double error = logits.Zip(wanted, (a, b) => Math.Abs((double)a - b)).Max() / wanted.Max(Math.Abs), rounding = Math.Pow(2, -bits);
        Assert.InRange(error, 0.01 * rounding, 8 * rounding);
    }

    [Theory]
    [InlineData("mean")]
    [InlineData("abs-per-sample")]
    public void Gradients_are_those_of_pytorch(string reduction)
    {
        string input = Repository.Fixture("vit-timm", "case.safetensors"), output = directory["out.safetensors"];
        MergeEngineProcess.Run("gradients", Repository.Fixture("vit-timm"), input, output, "--reduction", reduction, "--device", Device).Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        string prefix = reduction == "mean" ? "grad." : "abs_grad.";
        Assert.Equal(actual.Tensors.Count, Expected.Agree(actual, reference, Expected.GradientBound, prefix).Length);
    }

    /// <summary>
    /// Four steps of AdamW at 1e-3, twice merged. Key biases are left out: their gradient is round-off alone, and AdamW makes whole steps of it. For the
    /// rest the fixture of ATM allows float32 2e-6 in six steps at 3e-4; this is three times the rate.
    /// </summary>
    [Fact]
    public void Alternating_tuning_gives_the_processors_model()
    {
        string file = MiniatureExperiment.Write(directory);
        MergeEngineProcess.Run("atm", file, directory["cpu"]).Succeeded();
        MergeEngineProcess.Run("atm", file, directory["gpu"], "--device", Device).Succeeded();
        using SafetensorsFile cpu = SafetensorsFile.Open(directory["cpu/model.safetensors"]), gpu = SafetensorsFile.Open(directory["gpu/model.safetensors"]);
        Assert.Equal(cpu.Tensors.Select(t => t.Name), gpu.Tensors.Select(t => t.Name));
        foreach (TensorEntry tensor in cpu.Tensors.Where(t => !t.Name.EndsWith("key.bias", StringComparison.Ordinal)))
        {
            double error = cpu.ReadFloat32(tensor.Name).Zip(gpu.ReadFloat32(tensor.Name), (a, b) => Math.Abs((double)a - b)).Max();
            Assert.True(error <= 1e-5, $"{tensor.Name}: {error:E2}");
        }
    }

    [Fact]
    public void The_demo_runs_in_its_small_setting()
    {
        Outcome outcome = MergeEngineProcess.Run("demo", "--small", "--device", Device, "--out", directory["demo"], "--json").Succeeded();
        JsonElement[] methods = [.. outcome.Json().GetProperty("methods").EnumerateArray()];
        Assert.Equal(7, methods.Length);
        // The base was trained on both tasks, so that one of two alphabets is read far above the tenth that guessing gives.
        Assert.InRange(methods[0].GetProperty("accuracy").GetProperty("mnist").GetDouble(), 70, 100);
        Assert.True(File.Exists(directory["demo/report.html"]));
    }

    [Fact]
    public void A_training_step_allocates_nothing_with_and_without_graphs()
    {
        foreach (string graphs in new[] { "1", "0" })
        {
            JsonElement time = MergeEngineProcess.RunWith(
                new() { ["MERGE_ENGINE_CUDA_GRAPHS"] = graphs }, "bench", "step", "--model", "vit-tiny", "--batch", "2", "--rounds", "3", "--device", Device, "--json")
                .Succeeded().Json().GetProperty("results")[0];
            Assert.Equal(0, time.GetProperty("allocated_bytes").GetInt64());
        }
    }
}
