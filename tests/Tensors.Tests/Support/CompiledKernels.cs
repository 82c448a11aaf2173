using System.Text;
using System.Text.RegularExpressions;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>The compiled kernels as text. They are none where the build had no compiler, or where the environment names a binary in their place.</summary>
internal static partial class CompiledKernels
{
    private static readonly Lazy<Dictionary<string, string>> s_bodies = new(() => PartsByClang()
        .SelectMany(text => Entry().Matches(text).Select(entry => (Name: entry.Groups["name"].Value, Body: text[entry.Index..text.IndexOf("\n}", entry.Index, StringComparison.Ordinal)])))
        .ToDictionary(kernel => kernel.Name, kernel => kernel.Body));

    /// <summary>The names of all kernels that clang compiled.</summary>
    public static IReadOnlyCollection<string> Names => s_bodies.Value.Keys;

    /// <summary>The PTX of each part, by whatever compiler; skips the test where there is none.</summary>
    public static IReadOnlyList<string> Parts()
    {
        var texts = new List<string>();
        foreach (KernelImage image in KernelImages.Current.All)
        {
            Assert.SkipWhen(PtxVersion.Of(image.Bytes) == 0, $"{KernelImages.FileVariable} names kernels that are no PTX.");
            texts.Add(Encoding.UTF8.GetString(image.Bytes));
        }

        Assert.SkipWhen(texts.Count == 0, "This build has no compiled kernels: ./build.sh kernels found no compiler for them.");
        return texts;
    }

    /// <summary>A kernel as clang compiled it, from its entry to its end: nvcc leaves to ptxas what clang does itself, so its text says less about what will run.</summary>
    public static string BodyOf(string kernel)
    {
        Assert.True(s_bodies.Value.TryGetValue(kernel, out string? body), $"{kernel} is not in the compiled kernels.");
        return body;
    }

    private static IReadOnlyList<string> PartsByClang()
    {
        IReadOnlyList<string> texts = Parts();
        Assert.SkipUnless(texts.All(text => text.Contains("LLVM NVPTX", StringComparison.Ordinal)), "These kernels are not compiled by clang.");
        return texts;
    }

    [GeneratedRegex(@"^\s*(\.visible\s+)?\.entry\s+(?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Entry();
}
