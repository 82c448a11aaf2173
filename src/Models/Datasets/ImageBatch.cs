using MergeEngine.Models.Datasets.Images;
using MergeEngine.Tensors;

namespace MergeEngine.Models.Datasets;

/// <summary>Images of one shape and their labels.</summary>
public sealed class ImageBatch : Batch
{
    private readonly DeviceArray<float> _images;

    /// <summary>An empty batch; <c>VisionTransformer.CreateBatch</c> makes the one that a model needs.</summary>
    /// <param name="device">Where it lies.</param>
    /// <param name="shape">Shape of one image.</param>
    /// <param name="normalization">How bytes become pixels.</param>
    /// <param name="preparation">How image files become bytes of the shape; null for resized to it.</param>
    /// <exception cref="ArgumentException">The normalisation has another number of channels.</exception>
    public ImageBatch(Device device, ImageShape shape, PixelNormalization normalization, ImagePreparation? preparation = null)
        : base(device)
    {
        if (normalization.Channels != shape.Channels)
            throw new ArgumentException($"The normalisation has {normalization.Channels} channels, images of the shape {shape} have {shape.Channels}.", nameof(normalization));
        ImageShape = shape;
        Normalization = normalization;
        Preparation = preparation ?? ImagePreparation.Exact(shape.Height, shape.Width);
        _images = new DeviceArray<float>(device);
    }

    /// <summary>Shape of one image.</summary>
    public ImageShape ImageShape { get; }

    /// <summary>How bytes become the pixels of <see cref="Images"/>.</summary>
    public PixelNormalization Normalization { get; }

    /// <summary>How image files become bytes of <see cref="ImageShape"/>.</summary>
    public ImagePreparation Preparation { get; }

    /// <summary>[count, channels, height, width], normalised.</summary>
    public DeviceSpan<float> Images => _images.Values((long)Count * ImageShape.Length);

    /// <summary>Sets the number of samples and gives host memory to fill; <see cref="Commit"/> hands it to the device.</summary>
    /// <param name="count">Number of samples.</param>
    /// <param name="images">[count, channels, height, width], normalised pixels.</param>
    /// <param name="labels">[count].</param>
    public void Prepare(int count, out Span<float> images, out Span<int> labels)
    {
        labels = StageLabels(count);
        images = _images.Stage(checked(count * ImageShape.Length));
    }

    /// <summary>Makes what was filled in visible to the device.</summary>
    public void Commit()
    {
        _images.Upload(Count * ImageShape.Length);
        UploadLabels();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _images.Dispose();
        base.Dispose(disposing);
    }
}
