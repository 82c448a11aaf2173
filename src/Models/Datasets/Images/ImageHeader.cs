namespace MergeEngine.Models.Datasets.Images;

/// <summary>What an image file says of itself, after its structure was walked through to its end.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Channels">Of the file: 1 to 4.</param>
/// <param name="WorkingBytes">Most memory that its decoder takes.</param>
internal readonly record struct ImageHeader(int Width, int Height, int Channels, long WorkingBytes)
{
    /// <summary>Pixels of the largest image that is taken, that of a camera with 64 megapixels.</summary>
    public const long MaxPixels = 1 << 26;

    /// <summary>Pixels of the longest side, JPEG's own limit: the filters of a resized line grow with it.</summary>
    private const long MaxSide = 65535;

    /// <summary>Both deflate and Huffman-coded JPEG make at most about so many bytes or pixels of one byte.</summary>
    private const long LargestExpansion = 1032;

    /// <summary>Checks the structure of a whole file, and from it that what it promises can be in it.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="file">All of its bytes.</param>
    /// <exception cref="ModelException">It is no image that can be read, is damaged, or promises more pixels than it can hold.</exception>
    public static ImageHeader Read(string path, ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty) throw new ModelException($"{path}: is empty, expected a PNG, JPEG or PPM image.");
        ImageHeader header = JpegStructure.Matches(file) ? JpegStructure.Check(path, file)
            : PngStructure.Matches(file) ? PngStructure.Check(path, file)
            : PixmapStructure.Matches(file) ? PixmapStructure.Check(path, file)
            : throw new ModelException($"{path}: begins with {Convert.ToHexString(file[..Math.Min(8, file.Length)])}{NameOf(file)}, expected a PNG, JPEG or PPM image.");
        return header;
    }

    /// <summary>Sizes are positive, and neither too large nor more than the bytes of a file can hold.</summary>
    /// <exception cref="ModelException">They are not.</exception>
    public static void RequireSize(string path, long width, long height, long bytes)
    {
        if (width < 1 || height < 1) throw new ModelException($"{path}: the image has {width} × {height} pixels, expected at least one.");
        if (width > MaxSide || height > MaxSide) throw new ModelException($"{path}: the image has {width} × {height} pixels, expected at most {MaxSide} each way.");
        if (width > MaxPixels / height) throw new ModelException($"{path}: the image has {width} × {height} pixels, expected at most {MaxPixels} in all.");
        if (width * height / LargestExpansion > bytes)
            throw new ModelException($"{path}: the header promises {width} × {height} pixels, more than the file's {bytes} bytes can hold.");
    }

    /// <summary>What people call some kinds of file, in brackets; nothing for others.</summary>
    private static string NameOf(ReadOnlySpan<byte> file) =>
        file.StartsWith("GIF8"u8) ? " (a GIF)"
        : file.StartsWith("BM"u8) ? " (a BMP)"
        : file.StartsWith("RIFF"u8) && file.Length >= 12 && file[8..].StartsWith("WEBP"u8) ? " (a WebP)"
        : file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) ? " (a TIFF)"
        : file.Length >= 12 && file[4..].StartsWith("ftyp"u8) ? " (an AVIF, HEIC or video)"
        : file.StartsWith("<"u8) ? " (HTML, XML or SVG)"
        : "";
}
