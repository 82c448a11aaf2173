using BenchmarkDotNet.Attributes;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>One sample from the host and back: ViT-B/32, and a sentence encoder of MiniLM's size on texts of 8, 32 and 128 tokens, with packed weights. The column Allocated must stay empty.</summary>
public class LatencyBenchmarks
{
    private CpuDevice _device = null!;
    private ProbeModel _model = null!;

    [Params("vit-b-32", "minilm-8", "minilm-32", "minilm-128")]
    public string Model { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice();
        ProbeInputs inputs = Model switch
        {
            "vit-b-32" => new VisionInputs(224, 32, 768, 12, 12, 1),
            "minilm-8" => Sentence(8),
            "minilm-32" => Sentence(32),
            _ => Sentence(128),
        };
        _model = new ProbeModel(_device, inputs);
        _model.Pack();
        Floors.Measure(Floors.NameOf(nameof(LatencyBenchmarks), nameof(Forward), Model), _device, inputs.ForwardOperations, 0);
    }

    [Benchmark]
    public void Forward() => _model.Forward();

    [GlobalCleanup]
    public void Cleanup()
    {
        _model.Dispose();
        _device.Dispose();
    }

    private static TextInputs Sentence(int tokens) => new(384, 6, TextPooling.Mean, tokens, tokens, 1);
}
