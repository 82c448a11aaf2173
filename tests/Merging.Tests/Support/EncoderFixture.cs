using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>The encoder of tests/Fixtures/tatr with its tasks: the exemplars of tatr, or the training data of atm.</summary>
internal sealed class EncoderFixture : IDisposable
{
    private EncoderFixture(string device)
    {
        Device = Device.Open(device, 2);
        Encoder = VisionTransformer.Load(Device, FixtureFiles.PathOf("tatr/base"));
    }

    public Device Device { get; }

    public VisionTransformer Encoder { get; }

    public List<EncoderTask> Tasks { get; } = [];

    /// <summary>Four tasks of 32 exemplars, one batch each.</summary>
    public static EncoderFixture Exemplars(string device)
    {
        var fixture = new EncoderFixture(device);
        using var file = FixtureFiles.Open("tatr/exemplars.safetensors");
        for (int k = 0; k < 4; k++) fixture.Add(k, file.ReadFloat32($"{k}.images"), file.ReadInt32($"{k}.labels"), _ => [.. Enumerable.Range(0, 32)], 1);
        return fixture;
    }

    /// <summary>Three tasks of 64 samples, in the fixture's batches of 16, or all at once.</summary>
    public static EncoderFixture Training(string device, bool fullBatch = false)
    {
        var fixture = new EncoderFixture(device);
        using var file = FixtureFiles.Open("atm/data.safetensors");
        float[] pixels = file.ReadFloat32("pixel_values");
        for (int k = 0; k < 3; k++)
        {
            int[] order = file.ReadInt32($"{k}.order");
            fixture.Add(
                k,
                [.. file.GetSpan($"{k}.images").ToArray().Select(b => pixels[b])],
                file.ReadInt32($"{k}.labels"),
                step => fullBatch ? [.. Enumerable.Range(0, 64)] : order.AsSpan((int)step * 16, 16).ToArray(),
                fullBatch ? 1 : 4);
        }

        return fixture;
    }

    public void Dispose()
    {
        foreach (EncoderTask task in Tasks) task.Dispose();
        Encoder.Dispose();
        Assert.Equal(0, Device.AllocatedBytes);
        Device.Dispose();
    }

    private void Add(int k, float[] images, int[] labels, Func<long, int[]> order, int stepsPerEpoch) => Tasks.Add(new EncoderTask(
        Encoder, ClassificationHead.FromSafetensors(Device, FixtureFiles.PathOf("tatr/heads.safetensors"), $"{k}."), $"task-{k}", images, labels, order)
    {
        StepsPerEpoch = stepsPerEpoch,
    });
}
