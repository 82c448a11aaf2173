namespace MergeEngine.Models.Datasets;

/// <summary>Images in host memory: bytes that are normalised when they are read, or float32 pixels that are normalised already.</summary>
internal sealed class ImageSplit : DatasetSplit
{
    private readonly ImageShape _shape;
    private readonly byte[]? _bytes;
    private readonly float[]? _pixels;
    private readonly int[] _labels;

    /// <param name="source">The file, for messages.</param>
    /// <param name="name">Name of the split.</param>
    /// <param name="shape">Shape of an image.</param>
    /// <param name="bytes">[count, channels, height, width].</param>
    /// <param name="labels">[count].</param>
    public ImageSplit(string source, string name, ImageShape shape, byte[] bytes, int[] labels)
        : base(source, name)
    {
        _shape = shape;
        _bytes = bytes;
        _labels = labels;
        Count = bytes.Length / shape.Length;
    }

    /// <inheritdoc cref="ImageSplit(string, string, ImageShape, byte[], int[])"/>
    public ImageSplit(string source, string name, ImageShape shape, float[] pixels, int[] labels)
        : base(source, name)
    {
        _shape = shape;
        _pixels = pixels;
        _labels = labels;
        Count = pixels.Length / shape.Length;
    }

    public override int Count { get; }

    public override ReadOnlySpan<int> Labels => _labels;

    public override ImageShape? ImageShape => _shape;

    public override void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default)
    {
        if (batch is not ImageBatch target) throw new ModelException($"{Source}: the split {Name} has images, expected samples of another kind for this model.");
        if (target.ImageShape != _shape) throw new ModelException($"{Source}: the split {Name} has images of the shape {_shape}, expected {target.ImageShape}.");
        target.Prepare(indices.Length, out Span<float> images, out Span<int> labels);
        int length = _shape.Length;
        for (int i = 0; i < indices.Length; i++)
        {
            int sample = indices[i];
            Span<float> image = images.Slice(i * length, length);
            (int X, int Y) shift = augmentation.ShiftOf(sample);
            if (_bytes is not null) NormalizedPixels.Write(_bytes.AsSpan(sample * length, length), _shape, image, target.Normalization, shift);
            else ReadPixels(_pixels.AsSpan(sample * length, length), image, target.Normalization, shift.X, shift.Y);
            labels[i] = _labels.Length == 0 ? 0 : _labels[sample];
        }

        target.Commit();
    }

    /// <summary>Pixels that are normalised already: the gap of a shift is what byte 0 would be.</summary>
    private void ReadPixels(ReadOnlySpan<float> source, Span<float> image, PixelNormalization normalization, int shiftX, int shiftY)
    {
        if (shiftX == 0 && shiftY == 0)
        {
            source.CopyTo(image);
            return;
        }

        int height = _shape.Height, width = _shape.Width;
        for (int c = 0; c < _shape.Channels; c++)
        {
            float background = normalization.Table(c)[0];
            for (int y = 0; y < height; y++)
            {
                Span<float> target = image.Slice(((c * height) + y) * width, width);
                target.Fill(background);
                if ((uint)(y - shiftY) >= (uint)height) continue;
                ReadOnlySpan<float> row = source.Slice(((c * height) + y - shiftY) * width, width);
                for (int x = Math.Max(0, shiftX); x < Math.Min(width, width + shiftX); x++) target[x] = row[x - shiftX];
            }
        }
    }
}
