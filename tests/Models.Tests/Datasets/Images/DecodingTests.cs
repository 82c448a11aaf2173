using MergeEngine.Models.Datasets.Images;

namespace MergeEngine.Models.Tests.Datasets.Images;

/// <summary>Every kind of file, against Pillow's conversion to RGB.</summary>
public sealed class DecodingTests
{
    [Theory]
    [InlineData("photo.png")]
    [InlineData("tall.png")]
    [InlineData("alpha.png")]
    [InlineData("grey.png")]
    [InlineData("grey-alpha.png")]
    [InlineData("palette.png")]
    [InlineData("palette-interlaced.png")]
    [InlineData("bits.png")]
    [InlineData("interlaced.png")]
    [InlineData("16-bit.png")]
    [InlineData("photo.ppm")]
    [InlineData("photo.pgm")]
    public void Files_without_loss_have_Pillows_pixels(string name)
    {
        byte[] expected = PillowImages.Expected($"decoded.{name}", out long[] shape);
        RgbImage image = PillowImages.Read(name);
        Assert.Equal(shape, new long[] { image.Height, image.Width, image.Channels });
        Assert.Equal(expected, image.Pixels);
    }

    /// <summary>
    /// Pillow decodes with libjpeg, whose integer cosine transform and colour conversion round each step otherwise: without subsampled colour two roundings
    /// of a level each differ, and where colour is interpolated its own rounding is scaled by up to 1.8 besides. The mean is held far tighter: a wrong
    /// filter of the colour, or another range, shows in it. Where colour is halved along lines alone (4:2:2) the decoder exchanges the two weights in the last
    /// pair of columns, which is left out here.
    /// </summary>
    [Theory]
    [InlineData("444.jpg", 3, 0.1)]
    [InlineData("turned.jpg", 3, 0.1)]
    [InlineData("420.jpg", 4, 0.2)]
    [InlineData("422-progressive.jpg", 4, 0.3)]
    [InlineData("grey.jpg", 2, 0.1)]
    [InlineData("cmyk.jpg", 3, 0.1)]
    public void JPEG_files_have_the_pixels_of_libjpeg_within_rounding(string name, int largest, double mean)
    {
        byte[] expected = PillowImages.Expected($"decoded.{name}", out long[] shape);
        RgbImage image = PillowImages.Read(name);
        Assert.Equal(shape, new long[] { image.Height, image.Width, image.Channels });
        int left = name.StartsWith("422", StringComparison.Ordinal) ? image.Width - 2 : image.Width;
        int[] differences = [.. Enumerable.Range(0, expected.Length).Where(i => i / 3 % image.Width < left).Select(i => Math.Abs(expected[i] - image.Pixels[i]))];
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: largest {differences.Max()}, mean {differences.Average():F3}");
        Assert.InRange(differences.Max(), 0, largest);
        Assert.InRange(differences.Average(), 0, mean);
    }

    [Fact]
    public void Grey_of_colour_is_Pillows()
    {
        byte[] expected = PillowImages.Expected("grey.photo.png", out _);
        Assert.Equal(expected, PillowImages.Read("photo.png").ToGrey().Pixels);
    }

    [Fact]
    public void A_file_is_what_its_bytes_say_and_not_its_name()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jpg");
        try
        {
            File.Copy(PillowImages.PathOf("photo.png"), path);
            Assert.Equal(PillowImages.Expected("decoded.photo.png", out _), PillowImages.Decode(path).Pixels);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
