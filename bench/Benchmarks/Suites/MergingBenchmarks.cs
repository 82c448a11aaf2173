using BenchmarkDotNet.Attributes;
using MergeEngine.Benchmarks.Merging;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>A block of an encoder of width 768, eight models and a base in memory, merged by every method; a plain copy of the inputs is the floor.</summary>
[InProcess]
[MemoryDiagnoser]
public class MergingBenchmarks
{
    private CpuDevice _device = null!;
    private TensorModels _models = null!;
    private Action _merge = null!;

    public static IEnumerable<string> Methods => MergeCase.All.Select(m => m.Method);

    [ParamsSource(nameof(Methods))]
    public string Method { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice();
        _models = new TensorModels(_device, TensorModels.EncoderShapes);
        _merge = MergeCase.All.Single(m => m.Method == Method).Prepare(_models);
    }

    [Benchmark(Baseline = true)]
    public void CopyInputs() => _models.CopyInputs();

    [Benchmark]
    public void Merge() => _merge();

    [GlobalCleanup]
    public void Cleanup()
    {
        _models.Dispose();
        _device.Dispose();
    }
}
