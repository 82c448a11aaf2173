namespace MergeEngine.Models.Datasets;

/// <summary>
/// How a model wants its pixels: ((byte·rescale) − mean)/std by channel, every operation in float32, as the image processors of
/// transformers, timm and open_clip do it. A byte has 256 values, so this is a table.
/// </summary>
public sealed class PixelNormalization
{
    /// <summary>1/255, what the image processors write into their configs.</summary>
    public const double DefaultRescale = 0.00392156862745098;

    private readonly float[] _table;

    /// <param name="mean">By channel.</param>
    /// <param name="std">By channel, none of them 0.</param>
    /// <param name="rescale">Factor from a byte to the scale of <paramref name="mean"/>; the product is rounded to float32 once.</param>
    public PixelNormalization(IReadOnlyList<double> mean, IReadOnlyList<double> std, double rescale = DefaultRescale)
    {
        if (mean.Count == 0 || mean.Count != std.Count)
            throw new ArgumentException($"{mean.Count} means and {std.Count} standard deviations were given, expected one of each for every channel.", nameof(mean));
        Mean = [.. mean];
        Std = [.. std];
        Rescale = rescale;
        _table = new float[256 * mean.Count];
        for (int c = 0; c < mean.Count; c++)
        {
            float m = (float)mean[c], s = (float)std[c];
            for (int x = 0; x < 256; x++) _table[(256 * c) + x] = ((float)(x * rescale) - m) / s;
        }
    }

    public IReadOnlyList<double> Mean { get; }

    public IReadOnlyList<double> Std { get; }

    public double Rescale { get; }

    public int Channels => Mean.Count;

    /// <summary>Mean 0.5 and standard deviation 0.5 in every channel: pixels from −1 to 1, the default of ViT and timm.</summary>
    public static PixelNormalization Half(int channels) => new(Enumerable.Repeat(0.5, channels).ToArray(), Enumerable.Repeat(0.5, channels).ToArray());

    /// <summary>The 256 values of a channel.</summary>
    public ReadOnlySpan<float> Table(int channel) => _table.AsSpan(256 * channel, 256);
}
