using MergeEngine.Benchmarks.Merging;
using MergeEngine.Benchmarks.Operations;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Benchmarks.Tests.Allocations;

/// <summary>Allocation is a tested contract: every operation, pass and merge beside what allocations.json allows it.</summary>
[Collection(nameof(AllocationTests))]
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AllocationTests
{
    private const int Threads = 2;

    private static readonly Dictionary<string, Func<ProbeInputs>> s_models = new()
    {
        ["vision transformer, 2 images"] = () => new VisionInputs(32, 8, 64, 2, 2, 2),
        ["text encoder, mean of the tokens, texts of 8 to 64 tokens"] = () => new TextInputs(96, 2, TextPooling.Mean, 8, 64, 4),
        ["text encoder, pooler"] = () => new TextInputs(96, 2, TextPooling.Pooler, 16, 16, 1),
    };

    public static TheoryData<string> Operations => [.. OperationTable.All.Select(o => o.Name)];

    public static TheoryData<string> Packed => [.. OperationTable.All.Select(o => o.Name).Where(name => name.Contains("packed", StringComparison.Ordinal))];

    public static TheoryData<string> Models => [.. s_models.Keys];

    public static TheoryData<string, Precision> PackedModels => [.. from name in s_models.Keys from precision in (Precision[])[Precision.Float32, Precision.BF16] select (name, precision)];

    public static TheoryData<string> Merges => [.. MergeCase.All.Select(m => m.Method)];

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_allocates_no_more_than_expected(string name)
    {
        using Device device = Device.Open("cpu", Threads);
        using var memory = new OperationMemory(device, large: false);
        OperationCall call = OperationTable.All.Single(o => o.Name == name).Prepare(memory);
        Check("operations", name, call.Run);
    }

    [Theory]
    [MemberData(nameof(Packed))]
    public void Products_with_weights_in_BF16_allocate_no_more_than_those_in_float32(string name)
    {
        using var device = new CpuDevice(Threads, precision: Precision.BF16);
        using var memory = new OperationMemory(device, large: false);
        OperationCall call = OperationTable.All.Single(o => o.Name == name).Prepare(memory);
        Check("operations", name, call.Run);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Passes_of_a_model_allocate_no_more_than_expected(string name)
    {
        using Device device = Device.Open("cpu", Threads);
        using var model = new ProbeModel(device, s_models[name]());
        Check("models", $"{name}: forward, host to host", model.Forward);
        Check("models", $"{name}: training step", model.Step);
    }

    [Theory]
    [MemberData(nameof(PackedModels))]
    public void Passes_with_packed_weights_allocate_no_more_than_expected(string name, Precision precision)
    {
        using var device = new CpuDevice(Threads, precision: precision);
        using var model = new ProbeModel(device, s_models[name]());
        model.Pack();
        Check("models", $"{name}: forward, host to host", model.Forward);
    }

    /// <summary>A tensor's plan and its counts, whatever the tensor's size: they are of no account beside a tensor of millions, and are rounded up in the file.</summary>
    [Theory]
    [MemberData(nameof(Merges))]
    public void A_merge_of_one_tensor_allocates_no_more_than_expected(string method)
    {
        using var device = new CpuDevice(Threads);
        using var models = new TensorModels(device, [new Shape(64, 48)]);
        Check("merges", method, MergeCase.All.Single(m => m.Method == method).Prepare(models));
    }

    [Fact]
    public void Nothing_is_expected_of_what_is_not_there()
    {
        Assert.Equal(OperationTable.All.Select(o => o.Name).Order(), AllocationExpectations.NamesOf("operations").Order());
        Assert.Equal(MergeCase.All.Select(m => m.Method).Order(), AllocationExpectations.NamesOf("merges").Order());
        Assert.Equal(2 * s_models.Count, AllocationExpectations.NamesOf("models").Count());
    }

    [Fact]
    public void What_is_allocated_is_noticed_on_any_thread()
    {
        object? kept = null;
        long here = AllocationExpectations.Measure(() => kept = new byte[1000]);
        long elsewhere = AllocationExpectations.Measure(() =>
        {
            var thread = new Thread(() => kept = new byte[100_000]);
            thread.Start();
            thread.Join();
        });
        Assert.NotNull(kept);
        Assert.InRange(here, 1000, 1100);
        Assert.InRange(elsewhere, 100_000, 200_000);
    }

    private static void Check(string group, string name, Action call)
    {
        long expected = AllocationExpectations.Of(group, name), found = AllocationExpectations.Measure(call);
        Assert.True(found <= expected, $"'{name}' allocates {found} bytes on every call, allocations.json expects at most {expected}.");
    }
}
