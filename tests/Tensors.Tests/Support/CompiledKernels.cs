using System.Text;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>The compiled kernels as text. They are none where the build had no compiler, or where the environment names a binary in their place.</summary>
internal static class CompiledKernels
{
    /// <summary>The PTX, by whatever compiler; skips the test where there is none.</summary>
    public static string Ptx()
    {
        Assert.SkipWhen(KernelImage.Bytes.IsEmpty, "This build has no compiled kernels: ./build.sh kernels found no compiler for them.");
        Assert.SkipWhen(PtxVersion.Of(KernelImage.Bytes) == 0, $"{KernelImage.FileVariable} names kernels that are no PTX.");
        return Encoding.UTF8.GetString(KernelImage.Bytes);
    }

    /// <summary>The PTX that clang made: nvcc leaves to ptxas what clang does itself, so its text says less about what will run.</summary>
    public static string PtxByClang()
    {
        string text = Ptx();
        Assert.SkipUnless(text.Contains("LLVM NVPTX", StringComparison.Ordinal), "These kernels are not compiled by clang.");
        return text;
    }
}
