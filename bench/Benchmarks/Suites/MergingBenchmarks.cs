using BenchmarkDotNet.Attributes;
using MergeEngine.Benchmarks.Merging;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>A block of an encoder of width 768, eight models and a base in memory, merged by every method. Floor: every input read and the output written, each once.</summary>
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
        Floors.Measure(Floors.NameOf(nameof(MergingBenchmarks), nameof(Merge), Method), _device, 0, _models.InputBytes * (TensorModels.Count + 2) / (TensorModels.Count + 1));
    }

    [Benchmark]
    public void Merge() => _merge();

    [GlobalCleanup]
    public void Cleanup()
    {
        _models.Dispose();
        _device.Dispose();
    }
}
