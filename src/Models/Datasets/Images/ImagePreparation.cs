namespace MergeEngine.Models.Datasets.Images;

/// <summary>What an image is resized to.</summary>
public enum ResizeRule
{
    /// <summary>It keeps its size.</summary>
    None,

    /// <summary>The height and width that are given, whatever the shape of the image.</summary>
    Exact,

    /// <summary>Its shorter side gets the height that is given, and the longer one follows, cut down to a whole number of pixels.</summary>
    ShortestEdge,
}

/// <summary>
/// How image files become the pixels of a model: resized as Pillow does it, and the middle cut out. What a model's own preprocessing says is in
/// its preprocessor_config.json (transformers), preprocess_cfg (open_clip) or pretrained_cfg (timm).
/// </summary>
public sealed record ImagePreparation
{
    public required ResizeRule Rule { get; init; }

    /// <summary>Of <see cref="ResizeRule.Exact"/>, or of the shorter side.</summary>
    public int Height { get; init; }

    /// <summary>Of <see cref="ResizeRule.Exact"/>.</summary>
    public int Width { get; init; }

    public ResampleFilter Filter { get; init; } = ResampleFilter.Bilinear;

    /// <summary>What is cut out of the middle, 0 around it where the image is smaller; null for nothing.</summary>
    public (int Height, int Width)? Crop { get; init; }

    /// <summary>
    /// Where the middle of an odd difference lies: true for half of it rounded to the nearest even number, as torchvision has it (open_clip, timm); false for
    /// rounded down, as transformers has it.
    /// </summary>
    public bool RoundsToEven { get; init; }

    /// <summary>Resized to a model's size, as ViT's image processor does it.</summary>
    public static ImagePreparation Exact(int height, int width, ResampleFilter filter = ResampleFilter.Bilinear) => new() { Rule = ResizeRule.Exact, Height = height, Width = width, Filter = filter };

    /// <summary>The shorter side resized by bicubic interpolation and the middle cut out, as for every CLIP.</summary>
    public static ImagePreparation ShortestEdge(ImageShape shape, bool roundsToEven) => new()
    {
        Rule = ResizeRule.ShortestEdge,
        Height = Math.Min(shape.Height, shape.Width),
        Filter = ResampleFilter.Bicubic,
        Crop = (shape.Height, shape.Width),
        RoundsToEven = roundsToEven,
    };

    /// <summary>Why images do not come out in a model's shape, as the end of a sentence; null if they do.</summary>
    public string? FindFault(ImageShape shape)
    {
        if (shape.Channels is not (1 or 3)) return $"holds image files, which give 1 or 3 channels, expected {shape.Channels} for this model";
        (int Height, int Width)? made = Crop ?? (Rule == ResizeRule.Exact ? (Height, Width) : null);
        if (made is not { } size) return $"holds image files, but the model's preprocessing does not bring them to one size, expected {shape.Height} × {shape.Width} pixels";
        return size == (shape.Height, shape.Width) ? null : $"holds image files, but the model's preprocessing makes {size.Height} × {size.Width} pixels of them, expected {shape.Height} × {shape.Width}";
    }

    /// <summary>Resizes and cuts an image.</summary>
    /// <param name="image">Decoded.</param>
    /// <param name="shape">Of the model; <see cref="FindFault"/> finds none.</param>
    /// <param name="planes">[channels, height, width], as bytes.</param>
    internal void Prepare(RgbImage image, ImageShape shape, Span<byte> planes)
    {
        if (shape.Channels == 1) image = image.ToGrey();
        (int height, int width) = SizeOf(image.Height, image.Width);
        Resizing.Resize(image, (height, width), Filter, new Window(Offset(height - shape.Height), Offset(width - shape.Width), shape.Height, shape.Width), planes);
    }

    /// <summary>Height and width of an image after resizing and before cutting.</summary>
    public (int Height, int Width) SizeOf(int height, int width)
    {
        if (Rule == ResizeRule.None) return (height, width);
        if (Rule == ResizeRule.Exact) return (Height, Width);
        int longer = (int)Math.Min((long)Height * Math.Max(height, width) / Math.Min(height, width), int.MaxValue / 2);
        return height <= width ? (Height, longer) : (longer, Height);
    }

    private int Offset(int difference)
    {
        if (RoundsToEven) return (int)Math.Round(difference / 2.0, MidpointRounding.ToEven);
        return (int)Math.Floor(difference / 2.0);
    }
}
