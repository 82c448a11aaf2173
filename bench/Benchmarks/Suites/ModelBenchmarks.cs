using BenchmarkDotNet.Attributes;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Benchmarks.Suites;

/// <summary>
/// The demo's encoder as a host uses it: one image, and one training step on a batch of 64. What matters here beside the time is the
/// column of allocated bytes, which must stay empty.
/// </summary>
public class ModelBenchmarks
{
    private static readonly VisionTransformerConfig s_config = new()
    {
        Image = new ImageShape(1, 28, 28),
        PatchSize = 7,
        Width = 96,
        Layers = 4,
        Heads = 4,
        MlpWidth = 384,
        Normalization = PixelNormalization.Half(1),
    };

    private Device _device = null!;
    private VisionTransformer _encoder = null!;
    private ClassificationHead _head = null!;
    private Batch _image = null!;
    private Trainer _trainer = null!;
    private OptimizerState _state = null!;
    private ParameterVector _parameters = null!;
    private TrainingTask _task = null!;
    private readonly int[] _samples = [.. Enumerable.Range(0, 64)];

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _device = Device.Open("cpu", Threads);
        _encoder = VisionTransformer.CreateRandom(_device, s_config, seed: 0);
        _head = ClassificationHead.Random(_device, classes: 10, _encoder.FeatureWidth, seed: 0);
        var split = new ImageSplit("benchmark", "train", s_config.Image, new byte[64 * s_config.Image.Length], new int[64]);
        _task = new TrainingTask("benchmark", new Dataset("benchmark", "benchmark", [.. Enumerable.Range(0, 10).Select(i => $"{i}")], [split]), _head);
        _image = _encoder.CreateBatch();
        split.Read(_samples.AsSpan(0, 1), _image);
        _trainer = new Trainer(_encoder, new TrainingOptions { BatchSize = 64, Shift = 2, ClipNorm = 10 });
        _state = _trainer.CreateState();
        _parameters = _encoder.Parameters.Clone();
        Floors.Measure(Floors.NameOf(nameof(ModelBenchmarks), nameof(EncodeOneImage), $"{Threads}"), _device, EncodeOneImage);
        Floors.Measure(Floors.NameOf(nameof(ModelBenchmarks), nameof(TrainingStep), $"{Threads}"), _device, () => TrainingStep());
    }

    [Benchmark]
    public void EncodeOneImage() => _encoder.Forward(_encoder.Parameters, _image, keepForBackward: false);

    [Benchmark]
    public double TrainingStep()
    {
        double loss = _trainer.Accumulate(_task, _parameters, _samples, epoch: 0);
        _trainer.Update(_parameters, _state);
        return loss;
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _parameters.Dispose();
        _state.Dispose();
        _trainer.Dispose();
        _image.Dispose();
        _head.Dispose();
        _encoder.Dispose();
        _device.Dispose();
    }
}
