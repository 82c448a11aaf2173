using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Every kernel that the C# side names against the compiled code: nothing else would notice a struct that grew on one side.</summary>
public sealed partial class KernelCatalogueTests
{
    private static readonly Lazy<Dictionary<string, (int Bytes, int Threads)>> s_compiled = new(Parse);

    public static TheoryData<string, int, int> Kernels { get; } = new(All().Select(kernel => (kernel.Name, kernel.ArgumentBytes, kernel.Threads)));

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_is_compiled_with_the_arguments_and_the_block_size_that_it_is_launched_with(string name, int argumentBytes, int threads)
    {
        Assert.True(s_compiled.Value.TryGetValue(name, out var compiled), $"{name} is in no part of the compiled kernels.");
        Assert.Equal((argumentBytes, threads), compiled);
    }

    [Fact]
    public void Every_compiled_kernel_is_named_once_and_lies_in_one_part()
    {
        Assert.Equal(s_compiled.Value.Keys.Order(), Kernels.Select(row => row.Data.Item1).Order());
    }

    [Fact]
    public void Every_part_is_for_old_gpus_too_and_ends_in_a_nul()
    {
        foreach (string part in CompiledKernels.Parts())
        {
            Assert.Equal(part.Length - 1, part.IndexOf('\0', StringComparison.Ordinal));
            Assert.Contains(".target sm_80", part[..400], StringComparison.Ordinal);
        }
    }

    /// <summary>Also where the kernels are a binary, and after the driver has compiled them.</summary>
    [Fact]
    public unsafe void The_driver_finds_every_kernel_and_lets_it_have_its_block_size()
    {
        using CudaDevice device = CudaUnderTest.Open();
        KernelTable kernels = CudaContext.Foreign(new ContextHandle(device.Context)).Kernels;
        foreach (Kernel kernel in All())
        {
            int threads;
            Assert.Equal(CudaStatus.Success, Driver.cuFuncGetAttribute(&threads, FunctionAttribute.MaxThreadsPerBlock, kernels.Function(kernel, 0)));
            Assert.True(threads >= kernel.Threads, $"{kernel.Name} is launched with {kernel.Threads} threads and may have {threads}.");
        }
    }

    private static IEnumerable<Kernel> All() =>
        from type in typeof(Kernel).Assembly.GetTypes()
        from field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        where typeof(Kernel).IsAssignableFrom(field.FieldType)
        let kernel = (Kernel)field.GetValue(null)!
        orderby kernel.Name
        select kernel;

    /// <summary>A kernel in two parts would be two keys.</summary>
    private static Dictionary<string, (int Bytes, int Threads)> Parse() => CompiledKernels.Parts().SelectMany(part => Entry().Matches(part)).ToDictionary(
        match => match.Groups["name"].Value,
        match => (Number(match.Groups["bytes"]), Number(match.Groups["threads"])));

    private static int Number(Group group) => int.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\.entry\s+(?<name>\w+)\(\s*\.param\s+\.align\s+\d+\s+\.b8\s+\k<name>_param_0\[(?<bytes>\d+)\]\s*\)\s*\.maxntid\s+(?<threads>\d+)")]
    private static partial Regex Entry();
}
