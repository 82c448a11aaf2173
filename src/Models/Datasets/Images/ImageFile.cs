using StbImageSharp;

namespace MergeEngine.Models.Datasets.Images;

/// <summary>
/// Reads PNG, JPEG and binary PPM files; which of them a file is, its first bytes say and not its name. Alpha is dropped and samples of 16 bits keep their
/// upper 8, as Pillow's conversion to RGB does. The EXIF orientation is not applied, as torchvision's image folders do not apply it.
/// </summary>
internal static class ImageFile
{
    /// <summary>Bytes of the largest file that is read.</summary>
    public const long MaxFileBytes = 1 << 27;

    /// <summary>All threads together decode and use images of so many bytes at a time; a single larger one is decoded alone.</summary>
    private static readonly MemoryGate Gate = new(1L << 30);

    /// <summary>Decodes a file. Its image counts among what all threads together hold until the use of it ends.</summary>
    /// <param name="path">The file.</param>
    /// <param name="use">Gets the image; it reads no other file meanwhile.</param>
    /// <exception cref="ModelException">The file cannot be read, or is no such image; one sentence.</exception>
    public static void Read(string path, Action<RgbImage> use)
    {
        byte[] file = ReadBytes(path);
        ImageHeader header = ImageHeader.Read(path, file);
        using (Gate.Enter(header.WorkingBytes))
        {
            use(PixmapStructure.Matches(file) ? PixmapStructure.Decode(file, header) : Decode(path, file, header));
        }
    }

    private static RgbImage Decode(string path, byte[] file, ImageHeader header)
    {
        try
        {
            ImageResult image = ImageResult.FromMemory(file, ColorComponents.RedGreenBlue);
            if (image.Width != header.Width || image.Height != header.Height)
                throw new ModelException($"{path}: the decoder makes {image.Width} × {image.Height} pixels, expected {header.Width} × {header.Height} as the header says.");
            return new RgbImage(image.Data, image.Height, image.Width, 3);
        }
        catch (Exception e) when (e is InvalidOperationException or IndexOutOfRangeException or OverflowException or ArgumentException or (IOException and not ModelException))
        {
            // Without the decoder's words: it keeps them in one place for all threads, where another damaged file may have left its own.
            throw new ModelException($"{path}: the image data is damaged and cannot be decoded, expected a whole image.", e);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists) throw new ModelException($"{path}: there is no such file, expected an image.");
            if (info.Length > MaxFileBytes) throw new ModelException($"{path}: the file has {info.Length} bytes, expected at most {MaxFileBytes} for an image.");
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException && e is not ModelException))
        {
            throw new ModelException($"{path}: cannot be read ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
