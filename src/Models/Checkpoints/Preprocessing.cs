using MergeEngine.Models.Datasets;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Where each family writes how its pixels are normalised.</summary>
internal static class Preprocessing
{
    public const string FileName = "preprocessor_config.json";

    private static readonly double[] ClipMean = [0.48145466, 0.4578275, 0.40821073];
    private static readonly double[] ClipStd = [0.26862954, 0.26130258, 0.27577711];

    /// <summary>What OpenAI's CLIP was trained with; 0.5 for other numbers of channels.</summary>
    public static PixelNormalization ClipDefault(int channels) => channels == 3 ? new PixelNormalization(ClipMean, ClipStd) : PixelNormalization.Half(channels);

    /// <summary>preprocessor_config.json of transformers.</summary>
    public static PixelNormalization? FromHuggingFace(ConfigSection root, int channels)
    {
        double rescale = root.Flag("do_rescale") ?? true ? root.Number("rescale_factor") ?? PixelNormalization.DefaultRescale : 1;
        if (!(root.Flag("do_normalize") ?? true)) return Make(root, "image_mean", "image_std", [0], [1], rescale, channels);
        return root.Numbers("image_mean") is { } mean && root.Numbers("image_std") is { } std
            ? Make(root, "image_mean", "image_std", mean, std, rescale, channels)
            : null;
    }

    /// <summary>preprocess_cfg of open_clip.</summary>
    public static PixelNormalization? FromOpenClip(ConfigSection root, int channels) =>
        root.Section("preprocess_cfg") is { } place ? FromMeanAndStd(place, channels) : null;

    /// <summary>pretrained_cfg of timm; older files have its keys at the top.</summary>
    public static PixelNormalization? FromTimm(ConfigSection root, int channels) => FromMeanAndStd(root.Section("pretrained_cfg") ?? root, channels);

    private static PixelNormalization? FromMeanAndStd(ConfigSection place, int channels) =>
        place.Numbers("mean") is { } mean && place.Numbers("std") is { } std
            ? Make(place, "mean", "std", mean, std, PixelNormalization.DefaultRescale, channels)
            : null;

    private static PixelNormalization Make(ConfigSection place, string meanKey, string stdKey, double[] mean, double[] std, double rescale, int channels)
    {
        if (mean.Length == 1) mean = [.. Enumerable.Repeat(mean[0], channels)];
        if (std.Length == 1) std = [.. Enumerable.Repeat(std[0], channels)];
        if (mean.Length != channels) throw new ModelException($"{place.Describe(meanKey)}, expected one number for each of {channels} channels.");
        if (std.Length != channels || std.Any(s => !((float)s > 0))) throw new ModelException($"{place.Describe(stdKey)}, expected a positive number for each of {channels} channels.");
        return new PixelNormalization(mean, std, rescale);
    }
}
