using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Images;

namespace MergeEngine.Models.Tests.Datasets.Images;

/// <summary>Resizing and cutting, bit for bit what Pillow makes.</summary>
public sealed class ResizingTests
{
    public static TheoryData<ResampleFilter, int, int> Sizes()
    {
        var data = new TheoryData<ResampleFilter, int, int>();
        foreach (ResampleFilter filter in Enum.GetValues<ResampleFilter>())
        {
            foreach ((int height, int width) in new[] { (24, 24), (7, 31), (45, 20), (64, 90), (1, 1) }) data.Add(filter, height, width);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Every_filter_is_Pillows(ResampleFilter filter, int height, int width)
    {
        byte[] expected = PillowImages.Expected($"{filter.ToString().ToLowerInvariant()}.{height}x{width}", out _), planes = new byte[expected.Length];
        Resizing.Resize(PillowImages.Read("photo.png"), (height, width), filter, new Window(0, 0, height, width), planes);
        Assert.Equal(expected, PillowImages.Interleave(planes, 3));
    }

    [Theory]
    [InlineData("photo.png")]
    [InlineData("tall.png")]
    [InlineData("grey.png")]
    public void Preprocessing_of_CLIP_is_that_of_transformers_and_that_of_torchvision(string name)
    {
        var shape = new ImageShape(3, 24, 24);
        byte[] transformers = new byte[shape.Length], torchvision = new byte[shape.Length];
        ImagePreparation.ShortestEdge(shape, roundsToEven: false).Prepare(PillowImages.Read(name), shape, transformers);
        ImagePreparation.ShortestEdge(shape, roundsToEven: true).Prepare(PillowImages.Read(name), shape, torchvision);
        Assert.Equal(PillowImages.Expected($"clip.{name}", out _), transformers);
        Assert.Equal(PillowImages.Expected($"openclip.{name}", out _), torchvision);
    }

    /// <summary>The filters' formulas in float64 over the whole support, without Pillow's fixed point: each pass rounds to a byte, so two levels may differ.</summary>
    [Theory]
    [InlineData(ResampleFilter.Bicubic, 24, 33)]
    [InlineData(ResampleFilter.Bilinear, 50, 13)]
    [InlineData(ResampleFilter.Lanczos, 90, 100)]
    public void Weights_are_those_of_the_formula(ResampleFilter filter, int height, int width)
    {
        RgbImage image = PillowImages.Read("photo.png");
        byte[] planes = new byte[3 * height * width];
        Resizing.Resize(image, (height, width), filter, new Window(0, 0, height, width), planes);
        double[] narrow = Along([.. image.Pixels.Select(p => (double)p)], image.Height, image.Width, 3, width, filter);
        double[] expected = Transpose(Along(Transpose(narrow, image.Height, width), width, image.Height, 3, height, filter), width, height);
        byte[] actual = PillowImages.Interleave(planes, 3);
        for (int i = 0; i < actual.Length; i++) Assert.InRange(actual[i] - expected[i], -2, 2);
    }

    [Fact]
    public void A_window_is_a_part_of_the_whole_and_black_beyond_it()
    {
        RgbImage image = PillowImages.Read("photo.png");
        byte[] whole = new byte[3 * 20 * 30], part = new byte[3 * 25 * 12];
        Resizing.Resize(image, (20, 30), ResampleFilter.Bicubic, new Window(0, 0, 20, 30), whole);
        Resizing.Resize(image, (20, 30), ResampleFilter.Bicubic, new Window(-3, 24, 25, 12), part);
        for (int i = 0; i < part.Length; i++)
        {
            int c = i / (25 * 12), y = (i / 12 % 25) - 3, x = (i % 12) + 24;
            Assert.Equal(y is >= 0 and < 20 && x < 30 ? whole[(((c * 20) + y) * 30) + x] : 0, part[i]);
        }
    }

    /// <summary>Wild sides take no memory that grows with them: of the tallest image only a line and the result are held.</summary>
    [Fact]
    public void Images_of_one_line_are_resized_in_little_memory()
    {
        var tall = new RgbImage(new byte[3 * 65535], 65535, 1, 3);
        Array.Fill(tall.Pixels, (byte)77);
        byte[] planes = new byte[3 * 224 * 224];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Resizing.Resize(tall, (224, 224), ResampleFilter.Bicubic, new Window(0, 0, 224, 224), planes);
        // Filters of 2·(65535/224·2)+1 weights for 224 lines are 1 MB, a result in 32 bits 0.6 MB: 8 MB leave room for pools.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
        Assert.All(planes, value => Assert.Equal(77, value));
    }

    /// <summary>One pass over lines of [rows, columns, channels], as the filter is defined, without rounding; what overshoots is cut off as in bytes.</summary>
    private static double[] Along(double[] image, int rows, int columns, int channels, int to, ResampleFilter filter)
    {
        double scale = (double)columns / to, wide = Math.Max(1, scale);
        var result = new double[rows * to * channels];
        for (int x = 0; x < to; x++)
        {
            double center = ((x + 0.5) * scale) - 0.5;
            double[] weights = [.. Enumerable.Range(0, columns).Select(i => Value(filter, (i - center) / wide))];
            double sum = weights.Sum();
            for (int y = 0; y < rows; y++)
            {
                for (int c = 0; c < channels; c++)
                {
                    double value = 0;
                    for (int i = 0; i < columns; i++) value += weights[i] / sum * image[(((y * columns) + i) * channels) + c];
                    result[(((y * to) + x) * channels) + c] = Math.Clamp(value, 0, 255);
                }
            }
        }

        return result;
    }

    private static double Value(ResampleFilter filter, double x)
    {
        x = Math.Abs(x);
        double Sinc(double v) => v == 0 ? 1 : Math.Sin(Math.PI * v) / (Math.PI * v);
        return filter switch
        {
            ResampleFilter.Bilinear => Math.Max(0, 1 - x),
            // Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = −1/2.
            ResampleFilter.Bicubic => x < 1 ? (1.5 * x * x * x) - (2.5 * x * x) + 1 : x < 2 ? (-0.5 * x * x * x) + (2.5 * x * x) - (4 * x) + 2 : 0,
            _ => x < 3 ? Sinc(x) * Sinc(x / 3) : 0,
        };
    }

    private static double[] Transpose(double[] image, int rows, int columns)
    {
        var result = new double[image.Length];
        for (int i = 0; i < image.Length; i++) result[(((i / 3 % columns * rows) + (i / 3 / columns)) * 3) + (i % 3)] = image[i];
        return result;
    }
}
