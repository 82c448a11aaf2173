using System.Text.RegularExpressions;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>What the compiler made of the kernels: accesses that reach a card's bandwidth are lost by small changes, and no result would show it.</summary>
public sealed partial class CompiledKernelTests
{
    /// <summary>Kernels that read and write rows, each with how many 16-byte loads and stores its body for aligned rows has at least.</summary>
    public static TheoryData<string, int, int> RowKernels => new()
    {
        { "activation_forward", 5, 5 },         // one for each activation
        { "activation_backward", 9, 5 },        // without one, the input is not needed
        { "scale_columns", 2, 1 },
        { "scale_columns_sums", 8, 1 },         // four rows under way
        { "layer_norm_sums", 8, 2 },
        { "copy_matrix", 1, 1 },
        { "layer_norm_forward", 16, 16 },       // a row of 1024 in registers: input and residual, sum and output
        { "layer_norm_forward_wide", 5, 2 },
        { "layer_norm_backward", 16, 8 },
        { "layer_norm_backward_wide", 4, 1 },
        { "normalize_rows_forward", 2, 1 },
        { "normalize_rows_backward", 4, 1 },
        { "cross_entropy", 3, 1 },              // largest, sum, gradient
        { "entropy", 3, 1 },
        { "arg_max", 1, 0 },
        { "patches_forward", 1, 1 },
        { "patches_backward", 1, 1 },
        { "assemble_tokens_forward", 2, 1 },
        { "assemble_tokens_backward", 4, 4 },
        { "embedding_forward", 1, 1 },
        { "embedding_runs", 4, 1 },
        { "embedding_sums", 1, 1 },
        { "mean_pool_forward", 4, 1 },
        { "mean_pool_backward", 1, 1 },
    };

    [Theory]
    [MemberData(nameof(RowKernels))]
    public void A_kernel_over_rows_moves_aligned_rows_in_accesses_of_16_bytes(string kernel, int loads, int stores)
    {
        string body = CompiledKernels.BodyOf(kernel);
        Assert.True(WideLoad().Count(body) >= loads, $"{kernel} has {WideLoad().Count(body)} loads of 16 bytes, {loads} are expected.");
        Assert.True(WideStore().Count(body) >= stores, $"{kernel} has {WideStore().Count(body)} stores of 16 bytes, {stores} are expected.");
    }

    [Fact]
    public void No_kernel_keeps_values_in_local_memory()
    {
        string[] spilling = [.. CompiledKernels.Names.Where(name => CompiledKernels.BodyOf(name).Contains(".local", StringComparison.Ordinal))];
        Assert.Empty(spilling);
    }

    [GeneratedRegex(@"\bld\.global(\.nc)?\.v4\.")]
    private static partial Regex WideLoad();

    [GeneratedRegex(@"\bst\.global\.v4\.")]
    private static partial Regex WideStore();
}
