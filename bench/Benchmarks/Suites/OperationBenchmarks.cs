using BenchmarkDotNet.Attributes;
using MergeEngine.Benchmarks.Operations;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>The rows of <see cref="OperationTable"/> at the sizes that are timed, flat vectors of 8 million elements. The column Allocated must stay empty.</summary>
public class OperationBenchmarks
{
    private CpuDevice _device = null!;
    private OperationMemory _memory = null!;
    private OperationCall _call = null!;

    public static IEnumerable<string> Names => OperationTable.All.Select(o => o.Name);

    [ParamsSource(nameof(Names))]
    public string Operation { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice();
        _memory = new OperationMemory(_device, large: true) { VectorLength = 8_000_000 };
        _call = OperationTable.All.Single(o => o.Name == Operation).Prepare(_memory);
        Floors.Measure(Floors.NameOf(nameof(OperationBenchmarks), nameof(Run), Operation), _device, _call.Run);
    }

    [Benchmark]
    public void Run() => _call.Run();

    [GlobalCleanup]
    public void Cleanup()
    {
        _memory.Dispose();
        _device.Dispose();
    }
}
