using MergeEngine.Tensors;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// The inputs and labels of one step in device memory. It grows to the largest batch that was ever put in and allocates nothing after that.
/// </summary>
public sealed class Batch : IDisposable
{
    private readonly DeviceArray<float> _images;
    private readonly DeviceArray<int> _labels;

    private Batch(Device device, ImageShape shape, PixelNormalization normalization)
    {
        Device = device;
        ImageShape = shape;
        Normalization = normalization;
        _images = new DeviceArray<float>(device);
        _labels = new DeviceArray<int>(device);
    }

    public Device Device { get; }

    /// <summary>Samples that are in it.</summary>
    public int Count { get; private set; }

    /// <summary>Shape of one image.</summary>
    public ImageShape ImageShape { get; }

    /// <summary>How bytes become the pixels of <see cref="Images"/>.</summary>
    public PixelNormalization Normalization { get; }

    /// <summary>[count, channels, height, width], normalised.</summary>
    public DeviceSpan<float> Images => _images.Values((long)Count * ImageShape.Length);

    /// <summary>[count].</summary>
    public DeviceSpan<int> Labels => _labels.Values(Count);

    /// <summary>An empty batch of images; <c>Encoder.CreateBatch</c> makes the one that a model needs.</summary>
    /// <exception cref="ArgumentException">The normalisation has another number of channels.</exception>
    public static Batch ForImages(Device device, ImageShape shape, PixelNormalization normalization)
    {
        if (normalization.Channels != shape.Channels)
            throw new ArgumentException($"The normalisation has {normalization.Channels} channels, images of the shape {shape} have {shape.Channels}.", nameof(normalization));
        return new Batch(device, shape, normalization);
    }

    /// <summary>Sets the number of samples and gives host memory to fill; <see cref="Commit"/> hands it to the device.</summary>
    /// <param name="count">Number of samples.</param>
    /// <param name="images">[count, channels, height, width], normalised pixels.</param>
    /// <param name="labels">[count].</param>
    public void Prepare(int count, out Span<float> images, out Span<int> labels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        Count = count;
        images = _images.Stage(checked(count * ImageShape.Length));
        labels = _labels.Stage(count);
    }

    /// <summary>Makes what was filled in visible to the device.</summary>
    public void Commit()
    {
        _images.Upload(Count * ImageShape.Length);
        _labels.Upload(Count);
    }

    public void Dispose()
    {
        _images.Dispose();
        _labels.Dispose();
    }
}
