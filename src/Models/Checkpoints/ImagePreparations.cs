using MergeEngine.Models.Datasets.Images;
using MergeEngine.Models.Encoders;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Where each family writes how image files are resized and cut, and what it does where it writes nothing.</summary>
internal static class ImagePreparations
{
    /// <summary>What timm takes of an image where its config does not say: the middle 7/8 each way.</summary>
    private const double TimmCrop = 0.875;

    /// <param name="config">The model's.</param>
    /// <param name="root">Of its config file.</param>
    /// <param name="processor">preprocessor_config.json of transformers; null where there is none.</param>
    /// <exception cref="ModelException">The file says something that is not known; one sentence with the key.</exception>
    public static ImagePreparation Read(VisionTransformerConfig config, ConfigSection root, ConfigSection? processor)
    {
        bool isClip = config.Family is VisionFamily.HuggingFaceClip or VisionFamily.OpenClip;
        return config.Family switch
        {
            VisionFamily.OpenClip when root.Section("preprocess_cfg") is { } place => FromOpenClip(config, place),
            VisionFamily.Timm when root.Section("pretrained_cfg") is { } place => FromTimm(config, place),
            VisionFamily.Timm when processor is null => FromTimm(config, root),
            _ when processor is { } place => FromHuggingFace(config, place, isClip),
            _ when isClip => ImagePreparation.ShortestEdge(config.Image, roundsToEven: config.Family == VisionFamily.OpenClip),
            _ => ImagePreparation.Exact(config.Image.Height, config.Image.Width),
        };
    }

    /// <summary>ViT's processor resizes to a size, CLIP's the shorter side, of which it cuts out the middle.</summary>
    private static ImagePreparation FromHuggingFace(VisionTransformerConfig config, ConfigSection place, bool isClip)
    {
        int filter = place.Integer("resample") ?? (int)(isClip ? ResampleFilter.Bicubic : ResampleFilter.Bilinear);
        if (!Enum.IsDefined((ResampleFilter)filter)) throw new ModelException($"{place.Describe("resample")}, expected one of Pillow's filters, 0 to 5.");
        var preparation = new ImagePreparation { Rule = ResizeRule.None, Filter = (ResampleFilter)filter };
        if (place.Flag("do_resize") ?? true)
        {
            ConfigSection? size = place.IsObject("size") ? place.Section("size") : null;
            if (size is { } sides && sides.Size("height") is { } height && sides.Size("width") is { } width)
                preparation = preparation with { Rule = ResizeRule.Exact, Height = height, Width = width };
            else if (size is { } edge && edge.Size("shortest_edge") is { } shortest)
                preparation = preparation with { Rule = ResizeRule.ShortestEdge, Height = shortest };
            else if (size is not null)
                throw new ModelException($"{place.Describe("size")}, expected shortest_edge, or height and width.");
            else if (isClip)
                preparation = preparation with { Rule = ResizeRule.ShortestEdge, Height = place.ImageSize("size")?.Height ?? Math.Min(config.Image.Height, config.Image.Width) };
            else
                preparation = Exact(preparation, place.ImageSize("size") ?? (config.Image.Height, config.Image.Width));
        }

        if (!(place.Flag("do_center_crop") ?? isClip)) return preparation;
        ConfigSection? crop = place.IsObject("crop_size") ? place.Section("crop_size") : null;
        if (crop is not { } cut) return preparation with { Crop = place.ImageSize("crop_size") ?? (config.Image.Height, config.Image.Width) };
        return cut.Size("height") is { } top && cut.Size("width") is { } left
            ? preparation with { Crop = (top, left) }
            : throw new ModelException($"{place.Describe("crop_size")}, expected height and width.");
    }

    private static ImagePreparation FromOpenClip(VisionTransformerConfig config, ConfigSection place)
    {
        ImagePreparation preparation = ImagePreparation.ShortestEdge(config.Image, roundsToEven: true) with { Filter = FilterOf(place, ResampleFilter.Bicubic) };
        return place.Text("resize_mode") switch
        {
            null or "shortest" => preparation,
            "squash" => Exact(preparation, (config.Image.Height, config.Image.Width)),
            _ => throw new ModelException($"{place.Describe("resize_mode")}, expected shortest or squash."),
        };
    }

    private static ImagePreparation FromTimm(VisionTransformerConfig config, ConfigSection place)
    {
        double share = place.Number("crop_pct") ?? TimmCrop;
        if (!(share is > 0 and <= 1)) throw new ModelException($"{place.Describe("crop_pct")}, expected a number above 0 and at most 1.");
        ImagePreparation preparation = ImagePreparation.ShortestEdge(config.Image, roundsToEven: true) with { Filter = FilterOf(place, ResampleFilter.Bicubic) };
        int height = (int)Math.Min(Math.Floor(config.Image.Height / share), int.MaxValue), width = (int)Math.Min(Math.Floor(config.Image.Width / share), int.MaxValue);
        return place.Text("crop_mode") switch
        {
            null or "center" when config.Image.Height == config.Image.Width => preparation with { Height = height },
            "squash" => preparation with { Rule = ResizeRule.Exact, Height = height, Width = width },
            // Images that are not square are resized by another rule there, which nothing published needs.
            null or "center" => preparation with { Rule = ResizeRule.None, Crop = null },
            _ => throw new ModelException($"{place.Describe("crop_mode")}, expected center or squash."),
        };
    }

    private static ImagePreparation Exact(ImagePreparation preparation, (int Height, int Width) size) => preparation with { Rule = ResizeRule.Exact, Height = size.Height, Width = size.Width };

    private static ResampleFilter FilterOf(ConfigSection place, ResampleFilter standard) => place.Text("interpolation") switch
    {
        null or "random" => standard,
        "nearest" => ResampleFilter.Nearest,
        "bilinear" => ResampleFilter.Bilinear,
        "bicubic" => ResampleFilter.Bicubic,
        "lanczos" => ResampleFilter.Lanczos,
        "box" => ResampleFilter.Box,
        "hamming" => ResampleFilter.Hamming,
        _ => throw new ModelException($"{place.Describe("interpolation")}, expected nearest, bilinear, bicubic, lanczos, box or hamming."),
    };
}
