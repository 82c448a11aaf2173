using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Training;

/// <summary>The model of vit-hf with its own classifier, and the 24 images and 12 batches of the adamw fixture as a dataset.</summary>
internal sealed class TrainingFixture : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public TrainingFixture(string device)
    {
        Device = DeviceCases.Open(device);
        Encoder = VisionTransformer.Load(Device, FixtureFiles.PathOf("vit-hf"));
        Head = Encoder.CreateCheckpointHead()!;
        Expected = new VisionCase(FixtureFiles.PathOf("adamw/training.safetensors"));
        string path = _directory.File("data.safetensors");
        SafetensorsWriter.Write(path, [
            TensorContent.FromFloat32("train.images", [24, 1, 28, 28], Expected.Floats("images")),
            TensorContent.FromInt32("train.labels", [24], Expected.Integers("labels")),
        ]);
        Task = new TrainingTask("fixture", Dataset.Open(path), Head);
    }

    public Device Device { get; }

    public VisionTransformer Encoder { get; }

    public ClassificationHead Head { get; }

    public VisionCase Expected { get; }

    public TrainingTask Task { get; }

    public void Dispose()
    {
        Expected.Dispose();
        Head.Dispose();
        Encoder.Dispose();
        Device.Dispose();
        _directory.Dispose();
    }
}
