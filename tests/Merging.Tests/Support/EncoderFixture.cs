using MergeEngine.Merging.Methods;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>The encoder of tests/Fixtures/tatr with its tasks: the exemplars of tatr, or the training data of atm.</summary>
internal sealed class EncoderFixture : IDisposable
{
    private EncoderFixture(string device, int threads = 2)
    {
        Device = DeviceCases.Open(device, threads);
        Encoder = VisionTransformer.Load(Device, FixtureFiles.PathOf("tatr/base"));
    }

    public Device Device { get; }

    public VisionTransformer Encoder { get; }

    public List<TrainingTask> Tasks { get; } = [];

    /// <summary>Four tasks of 32 exemplars.</summary>
    public static EncoderFixture Exemplars(string device, int threads = 2)
    {
        var fixture = new EncoderFixture(device, threads);
        using var file = FixtureFiles.Open("tatr/exemplars.safetensors");
        for (int k = 0; k < 4; k++) fixture.Add(k, file.ReadFloat32($"{k}.images"), file.ReadInt32($"{k}.labels"), null);
        return fixture;
    }

    /// <summary>Three tasks of 64 samples in the fixture's order: epoch e of round r is the sixth of a task's stream at 2r + e.</summary>
    public static EncoderFixture Training(string device)
    {
        var fixture = new EncoderFixture(device);
        using var file = FixtureFiles.Open("atm/data.safetensors");
        float[] pixels = file.ReadFloat32("pixel_values");
        for (int k = 0; k < 3; k++)
        {
            int[] all = file.ReadInt32($"{k}.order");
            fixture.Add(
                k,
                [.. file.GetSpan($"{k}.images").ToArray().Select(b => pixels[b])],
                file.ReadInt32($"{k}.labels"),
                (epoch, order) => all.AsSpan(epoch % 6 * 64, 64).CopyTo(order));
        }

        return fixture;
    }

    /// <summary>Task vectors of the fixture's fine-tuned encoders.</summary>
    public TaskVectors TaskVectors() => Merging.Methods.TaskVectors.TakeModels("base", Encoder.Parameters, [
        .. Enumerable.Range(0, 4).Select(k => new NamedModel($"task-{k}", Encoder.ReadParameters(FixtureFiles.PathOf($"tatr/task-{k}"))))]);

    /// <summary>Gradient of a task over all of its samples, at the base.</summary>
    public ParameterVector Gradient(int task, GradientReduction reduction)
    {
        var gradient = new ParameterVector(Device, Encoder.Layout);
        int[] samples = [.. Enumerable.Range(0, Tasks[task].Dataset.Train!.Count)];
        GradientEstimator.Estimate(Encoder, Encoder.Parameters, Tasks[task], samples, reduction, gradient);
        return gradient;
    }

    public void Dispose()
    {
        foreach (TrainingTask task in Tasks) task.Head.Dispose();
        Encoder.Dispose();
        Assert.Equal(0, Device.AllocatedBytes);
        Device.Dispose();
    }

    private void Add(int k, float[] images, int[] labels, SampleOrder? order)
    {
        var dataset = new Dataset("fixture", $"task-{k}", null, [new FixtureSplit(images, labels, Encoder.Config.Image)]);
        ClassificationHead head = ClassificationHead.FromSafetensors(Device, FixtureFiles.PathOf("tatr/heads.safetensors"), $"{k}.");
        Tasks.Add(new TrainingTask($"task-{k}", dataset, head) { Order = order });
    }

    /// <summary>Images as the fixture normalised them.</summary>
    private sealed class FixtureSplit(float[] images, int[] labels, ImageShape shape) : DatasetSplit("fixture", "train")
    {
        public override int Count => labels.Length;

        public override ReadOnlySpan<int> Labels => labels;

        public override ImageShape? ImageShape => shape;

        public override void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default)
        {
            var imageBatch = (ImageBatch)batch;
            imageBatch.Prepare(indices.Length, out Span<float> target, out Span<int> targetLabels);
            for (int i = 0; i < indices.Length; i++)
            {
                images.AsSpan(indices[i] * shape.Length, shape.Length).CopyTo(target[(i * shape.Length)..]);
                targetLabels[i] = labels[indices[i]];
            }

            imageBatch.Commit();
        }
    }
}
