using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>Files through the executor against the same methods on whole tensors in memory.</summary>
public sealed class MergeExecutorTests
{
    [Theory]
    [MemberData(nameof(MethodRecipes.All), MemberType = typeof(MethodRecipes))]
    public void Files_give_what_the_method_gives_on_whole_tensors(string method) => Check(Write(DType.F32, DType.F32), MethodRecipes.Of(method));

    [Theory]
    [InlineData("bfloat16", "float32")]
    [InlineData("float16", "bfloat16")]
    [InlineData("float32", "float16")]
    public void Inputs_are_rounded_to_the_recipes_type_and_results_to_the_outputs(string dtype, string outType) =>
        Check(Write(DType.F32, DType.BF16), MethodRecipes.Of("ties", $"dtype: {dtype}\nout_dtype: {outType}"));

    [Fact]
    public void Tensors_of_one_model_are_copied_byte_for_byte()
    {
        using GeneratedModels models = Write(DType.BF16, DType.BF16);
        using MergeJob job = models.Plan("merge_method: passthrough\nmodels:\n- model: models/a\n");
        using Device device = Device.Open("cpu", 2);
        Assert.Equal(GeneratedModels.Bytes(models.File("models/a")), GeneratedModels.Bytes(models.Merge(job, device)));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("reference")]
    [InlineData("emulated")]
    public void Every_device_takes_chunks_from_files(string device)
    {
        using GeneratedModels models = Write(DType.F32, DType.F16);
        using MergeJob job = models.Plan(MethodRecipes.Of("dare_ties"));
        using Device other = device == "emulated" ? CudaUnderTest.Open() : Device.Open(device, 2), cpu = Device.Open("cpu", 1);
        Compare(job, cpu, models.Merge(job, other));
    }

    [Fact]
    public void The_manifest_states_the_sha256_of_every_input()
    {
        using GeneratedModels models = Write(DType.F32, DType.F32);
        using MergeJob job = models.Plan(MethodRecipes.Of("ties"));
        using Device device = Device.Open("cpu", 2);
        models.Merge(job, device);
        Assert.Equal(3, models.Manifest!.Inputs.Length);
        foreach (ManifestInput input in models.Manifest.Inputs)
            Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(input.Path))), input.Sha256);
    }

    private static GeneratedModels Write(DType first, DType second)
    {
        var models = new GeneratedModels();
        models.Write("base", 1, first);
        models.Write("a", 2, first);
        models.Write("b", 3, second);
        return models;
    }

    private static void Check(GeneratedModels models, string recipe)
    {
        using (models)
        {
            using MergeJob job = models.Plan(recipe);
            using Device device = Device.Open("cpu", 2);
            Compare(job, device, models.Merge(job, device));
            Assert.Equal(0, device.AllocatedBytes);
        }
    }

    private static void Compare(MergeJob job, Device device, string output)
    {
        SortedDictionary<string, byte[]> found = GeneratedModels.Bytes(output);
        Assert.Equal(job.Tensors.Count, found.Count);
        foreach (TensorJob tensor in job.Tensors) Assert.True(GeneratedModels.Whole(tensor, job, device).AsSpan().SequenceEqual(found[tensor.Name]), tensor.Name);
    }
}
