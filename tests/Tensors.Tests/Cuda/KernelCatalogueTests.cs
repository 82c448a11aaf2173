using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Every kernel that the C# side names against the compiled code: nothing else would notice a struct that grew on one side.</summary>
public sealed partial class KernelCatalogueTests
{
    private static readonly Lazy<Dictionary<string, (int Bytes, int Threads)>> s_compiled = new(Parse);

    public static TheoryData<string, int, int> Kernels { get; } = new(
        from type in typeof(Kernel).Assembly.GetTypes()
        from field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        where typeof(Kernel).IsAssignableFrom(field.FieldType)
        let kernel = (Kernel)field.GetValue(null)!
        orderby kernel.Name
        select (kernel.Name, kernel.ArgumentBytes, kernel.Threads));

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_is_compiled_with_the_arguments_and_the_block_size_that_it_is_launched_with(string name, int argumentBytes, int threads)
    {
        RequirePtx();
        Assert.True(s_compiled.Value.TryGetValue(name, out var compiled), $"{name} is not in the compiled kernels.");
        Assert.Equal((argumentBytes, threads), compiled);
    }

    [Fact]
    public void Every_compiled_kernel_is_named_once()
    {
        RequirePtx();
        Assert.Equal(s_compiled.Value.Keys.Order(), Kernels.Select(row => row.Data.Item1).Order());
    }

    [Fact]
    public void The_compiled_kernels_are_for_old_gpus_too_and_end_in_a_nul()
    {
        RequirePtx();
        Assert.Equal(0, KernelImage.Bytes[^1]);
        Assert.Equal(-1, KernelImage.Bytes[..^1].IndexOf((byte)0));
        Assert.Contains(".target sm_80", Encoding.UTF8.GetString(KernelImage.Bytes[..400]), StringComparison.Ordinal);
    }

    private static void RequirePtx() => Assert.SkipWhen(KernelImage.Bytes.IsEmpty, "This build has no compiled kernels: ./build.sh kernels found no compiler for them.");

    private static Dictionary<string, (int Bytes, int Threads)> Parse() => Entry().Matches(Encoding.UTF8.GetString(KernelImage.Bytes)).ToDictionary(
        match => match.Groups["name"].Value,
        match => (Number(match.Groups["bytes"]), Number(match.Groups["threads"])));

    private static int Number(Group group) => int.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\.entry\s+(?<name>\w+)\(\s*\.param\s+\.align\s+\d+\s+\.b8\s+\k<name>_param_0\[(?<bytes>\d+)\]\s*\)\s*\.maxntid\s+(?<threads>\d+)")]
    private static partial Regex Entry();
}
