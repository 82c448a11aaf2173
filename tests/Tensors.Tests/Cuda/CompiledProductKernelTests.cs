using System.Text.RegularExpressions;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>What the compiler made of the per-sample products: an index that it does not see through would put a tile into slow local memory.</summary>
public sealed class CompiledProductKernelTests
{
    [Theory]
    [InlineData("per_sample_product")]
    [InlineData("per_sample_product_tf32")]
    [InlineData("per_sample_product_bf16")]
    public void Tiles_stay_in_registers(string kernel) => Assert.DoesNotContain(".local", CompiledKernels.BodyOf(kernel), StringComparison.Ordinal);

    /// <summary>Two steps of 4×4 instructions.</summary>
    [Theory]
    [InlineData("per_sample_product_tf32", "m16n8k8.row.col.f32.tf32.tf32.f32")]
    [InlineData("per_sample_product_bf16", "m16n8k16.row.col.f32.bf16.bf16.f32")]
    public void Reduced_precision_runs_on_the_tensor_cores(string kernel, string shape)
    {
        string code = CompiledKernels.BodyOf(kernel);
        Assert.Equal(32, Regex.Count(code, $"mma\\.sync\\.aligned\\.{Regex.Escape(shape)}"));
        Assert.DoesNotContain("fma.rn.f32", code, StringComparison.Ordinal);
    }

    [Fact]
    public void Float32_multiplies_and_adds_at_once_and_reads_sixteen_bytes_at_a_time()
    {
        string code = CompiledKernels.BodyOf("per_sample_product");
        Assert.True(Regex.Count(code, "fma\\.rn\\.f32") >= 64, "An outer product of 8 by 8 is 64 multiply-adds.");
        Assert.True(Regex.Count(code, "ld\\.shared\\.v4\\.[bf]32") >= 4, "A step reads four packets from shared memory.");
        Assert.DoesNotContain("mma.sync", code, StringComparison.Ordinal);
    }
}
