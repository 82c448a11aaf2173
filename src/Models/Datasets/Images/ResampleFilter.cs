namespace MergeEngine.Models.Datasets.Images;

/// <summary>How an image is resized; the numbers are Pillow's, which <c>resample</c> in a preprocessor_config.json holds.</summary>
public enum ResampleFilter
{
    /// <summary>The pixel that lies there.</summary>
    Nearest = 0,

    /// <summary>Three lobes of a sinc, windowed by another.</summary>
    Lanczos = 1,

    /// <summary>A triangle.</summary>
    Bilinear = 2,

    /// <summary>Keys' cubic with a = −1/2.</summary>
    Bicubic = 3,

    /// <summary>The mean of what a pixel covers.</summary>
    Box = 4,

    /// <summary>A sinc under a Hamming window.</summary>
    Hamming = 5,
}

/// <summary>The filters' values; the support grows with the scale of a reduction, which keeps what is too fine out of the result (antialiasing).</summary>
internal static class ResampleFilters
{
    /// <summary>Distance from the middle, in pixels of the result, beyond which a filter is 0.</summary>
    public static double Support(this ResampleFilter filter) => filter switch
    {
        ResampleFilter.Box => 0.5,
        ResampleFilter.Bilinear or ResampleFilter.Hamming => 1,
        ResampleFilter.Bicubic => 2,
        ResampleFilter.Lanczos => 3,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "This filter takes no mean of pixels."),
    };

    /// <summary>The value at a distance.</summary>
    public static double At(this ResampleFilter filter, double x) => filter switch
    {
        ResampleFilter.Box => x is > -0.5 and <= 0.5 ? 1 : 0,
        ResampleFilter.Bilinear => Math.Max(0, 1 - Math.Abs(x)),
        ResampleFilter.Hamming => Math.Abs(x) < 1 ? Sinc(x) * (0.54 + (0.46 * Math.Cos(Math.PI * x))) : 0,
        ResampleFilter.Bicubic => Cubic(Math.Abs(x)),
        ResampleFilter.Lanczos => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "This filter takes no mean of pixels."),
    };

    private static double Cubic(double x)
    {
        const double a = -0.5;
        if (x < 1) return (((((a + 2) * x) - (a + 3)) * x) * x) + 1;
        return x < 2 ? ((((((x - 5) * x) + 8) * x) - 4) * a) : 0;
    }

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);
}
