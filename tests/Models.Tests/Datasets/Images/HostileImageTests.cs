using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using MergeEngine.Models.Datasets.Images;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Datasets.Images;

/// <summary>Image files that are damaged, cut off or lie about themselves: each gets one sentence with its name, and no memory that its header alone asks for.</summary>
public sealed class HostileImageTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("empty", "is empty, expected a PNG, JPEG or PPM image.")]
    [InlineData("text", "begins with 6E6F20696D616765, expected a PNG, JPEG or PPM image.")]
    [InlineData("gif", "begins with 4749463839610100 (a GIF), expected a PNG, JPEG or PPM image.")]
    [InlineData("webp", "(a WebP), expected a PNG, JPEG or PPM image.")]
    [InlineData("html", "(HTML, XML or SVG), expected a PNG, JPEG or PPM image.")]
    [InlineData("jpeg-zero", "the image has 61 × 0 pixels, expected at least one.")]
    [InlineData("jpeg-huge", "the image has 65535 × 65535 pixels, expected at most 67108864 in all.")]
    [InlineData("jpeg-promise", "the header promises 8000 × 8000 pixels, more than the file's 2372 bytes can hold.")]
    [InlineData("jpeg-lossless", "is a JPEG with lossless coding, expected a baseline or progressive one with Huffman coding.")]
    [InlineData("jpeg-arithmetic", "is a JPEG with arithmetic coding")]
    [InlineData("jpeg-12-bit", "is a JPEG of 12 bits, expected 8.")]
    [InlineData("jpeg-sampling", "component 1 of the JPEG is sampled 0 × 5, expected 1 to 4 each way.")]
    [InlineData("jpeg-components", "is a JPEG of 2 components, expected 1, 3 or 4.")]
    [InlineData("jpeg-endless-segment", "the file ends after 2372 bytes without the JPEG's segment of marker FFE0, expected a whole image.")]
    [InlineData("jpeg-short-segment", "has a length of 1, expected at least 2.")]
    [InlineData("jpeg-no-data", "the JPEG has no image data.")]
    [InlineData("jpeg-codes", "the JPEG's table at byte 177 is damaged.")]
    [InlineData("jpeg-quantization", "the JPEG's table at byte 20 is damaged.")]
    [InlineData("jpeg-data", "the image data is damaged and cannot be decoded, expected a whole image.")]
    [InlineData("jpeg-scans", "the JPEG has more than 200 scans, expected at most so many.")]
    [InlineData("png-zero", "the image has 0 × 45 pixels, expected at least one.")]
    [InlineData("png-huge", "the image has 100000 × 100000 pixels, expected at most 65535 each way.")]
    [InlineData("png-large", "the image has 60000 × 60000 pixels, expected at most 67108864 in all.")]
    [InlineData("png-promise", "the header promises 8000 × 8000 pixels, more than the file's 7178 bytes can hold.")]
    [InlineData("png-colour", "the PNG has the colour type 5, expected 0, 2, 3, 4 or 6.")]
    [InlineData("png-depth", "the PNG has 4 bits a sample, which its colour type 2 does not have.")]
    [InlineData("png-interlace", "the PNG has the interlace method 2, expected 0 or 1.")]
    [InlineData("png-no-header", "the PNG does not begin with an IHDR of 13 bytes.")]
    [InlineData("png-chunk", "bytes, but the file ends after 7178, expected a whole image.")]
    [InlineData("png-back", "has 4294967284 bytes, but the file ends after 7178, expected a whole image.")]
    [InlineData("png-taller", "the PNG's image data ends after 8280 bytes, expected 8464 for its pixels.")]
    [InlineData("png-shorter", "the PNG's image data unpacks to more than the 8096 bytes of its pixels.")]
    [InlineData("png-damaged", "the PNG's image data")]
    [InlineData("png-filter", "the image data is damaged and cannot be decoded, expected a whole image.")]
    [InlineData("png-apple", "the PNG needs the chunk 43674249 at byte 33 to be understood, expected IHDR, PLTE, IDAT and IEND alone.")]
    [InlineData("ppm-large", "the image has 99999 × 45 pixels, expected at most 65535 each way.")]
    [InlineData("ppm-words", "the header has no number at byte 3, expected width, height and largest value of a PPM image.")]
    [InlineData("ppm-wide", "the largest value of a sample is 65535, expected 255 as in an image of bytes.")]
    [InlineData("ppm-short", "there are 8234 bytes of samples, expected 8235 for 61 × 45 pixels.")]
    public void Bad_images_get_a_sentence(string which, string sentence)
    {
        string path = _directory.File("bad.png");
        File.WriteAllBytes(path, Bad(which));
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<ModelException>(() => PillowImages.Decode(path)).Message;
        Assert.StartsWith($"{path}: ", message, StringComparison.Ordinal);
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        // A few times the 16 KB of the largest file here, and buffers for unpacking; what the headers promise would be 150 KB to 30 GB.
        if (which.Contains("huge", StringComparison.Ordinal) || which.Contains("promise", StringComparison.Ordinal)) Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData("photo.png")]
    [InlineData("interlaced.png")]
    [InlineData("444.jpg")]
    [InlineData("422-progressive.jpg")]
    [InlineData("photo.ppm")]
    public void A_file_that_is_cut_off_anywhere_gets_a_sentence(string name)
    {
        byte[] whole = File.ReadAllBytes(PillowImages.PathOf(name));
        string path = _directory.File(name);
        for (int length = 0; length < whole.Length; length += length < 64 ? 1 : 97)
        {
            File.WriteAllBytes(path, whole[..length]);
            string message = Assert.Throws<ModelException>(() => PillowImages.Decode(path)).Message;
            Assert.StartsWith($"{path}: ", message, StringComparison.Ordinal);
        }
    }

    /// <summary>A deflate stream of zeros is a thousandth of what it unpacks to: 64 MB here, which an image of 61 × 45 pixels does not need.</summary>
    [Fact]
    public void A_PNG_that_unpacks_to_more_than_its_pixels_takes_no_memory_for_it()
    {
        string path = _directory.File("bomb.png");
        File.WriteAllBytes(path, Png(61, 45, new byte[64 << 20]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("unpacks to more than the 8280 bytes of its pixels.", Assert.Throws<ModelException>(() => PillowImages.Decode(path)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>Random damage: an image, or a sentence; never another exception, an endless loop, or a crash of the decoder's pointers.</summary>
    [Fact]
    public void Damaged_files_give_an_image_or_a_sentence()
    {
        byte[][] files = [.. new[] { "photo.png", "interlaced.png", "palette.png", "16-bit.png", "420.jpg", "422-progressive.jpg", "cmyk.jpg", "grey.jpg", "photo.ppm" }.Select(name => File.ReadAllBytes(PillowImages.PathOf(name)))];
        var random = new Random(20);
        string path = _directory.File("damaged");
        int images = 0, sentences = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] file = [.. files[i % files.Length]];
            for (int k = random.Next(1, 6); k > 0; k--) file[random.Next(random.Next(2) == 0 ? Math.Min(file.Length, 700) : file.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, file);
            try
            {
                RgbImage image = PillowImages.Decode(path);
                Assert.Equal(image.Height * image.Width * 3, image.Pixels.Length);
                images++;
            }
            catch (ModelException e)
            {
                Assert.StartsWith($"{path}: ", e.Message, StringComparison.Ordinal);
                sentences++;
            }
        }

        Assert.True(images > 300 && sentences > 300, $"{images} images and {sentences} sentences");
    }

    private static byte[] Bad(string which)
    {
        byte[] jpeg = File.ReadAllBytes(PillowImages.PathOf("420.jpg")), png = File.ReadAllBytes(PillowImages.PathOf("photo.png")), ppm = File.ReadAllBytes(PillowImages.PathOf("photo.ppm"));
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]), scan = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]), tables = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC4]);
        byte[] progressive = File.ReadAllBytes(PillowImages.PathOf("422-progressive.jpg"));
        int lastScan = progressive.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        byte[] Set(byte[] file, int at, params byte[] bytes)
        {
            bytes.CopyTo(file, at);
            return file;
        }

        byte[] SetSize(uint width, uint height)
        {
            BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(16), width);
            BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(20), height);
            return png;
        }

        return which switch
        {
            "empty" => [],
            "text" => "no image\n"u8.ToArray(),
            "gif" => "GIF89a\u0001\0"u8.ToArray(),
            "webp" => "RIFF\u0010\0\0\0WEBPVP8 "u8.ToArray(),
            "html" => "<!DOCTYPE html>"u8.ToArray(),
            "jpeg-zero" => Set(jpeg, frame + 5, 0, 0),
            "jpeg-huge" => Set(jpeg, frame + 5, 255, 255, 255, 255),
            "jpeg-promise" => Set(jpeg, frame + 5, 0x1F, 0x40, 0x1F, 0x40),
            "jpeg-lossless" => Set(jpeg, frame + 1, 0xC3),
            "jpeg-arithmetic" => Set(jpeg, frame + 1, 0xC9),
            "jpeg-12-bit" => Set(jpeg, frame + 4, 12),
            "jpeg-sampling" => Set(jpeg, frame + 14, 0x05),
            "jpeg-components" => Set(jpeg, frame + 9, 2),
            "jpeg-endless-segment" => Set(jpeg, 4, 255, 255),
            "jpeg-short-segment" => Set(jpeg, 4, 0, 1),
            "jpeg-no-data" => [.. jpeg[..scan], 0xFF, 0xD9],
            "jpeg-codes" => Set(jpeg, tables + 5, [.. Enumerable.Repeat((byte)255, 16)]),
            "jpeg-quantization" => Set(jpeg, 24, 0x14),
            "jpeg-data" => Set(jpeg, scan + 14, [.. Enumerable.Range(0, 600).Select(i => (byte)(i % 2 == 0 ? 0xFF : 0))]),
            // A progressive image whose last scan comes again and again: a pass over all of it for every few bytes.
            "jpeg-scans" => [.. progressive[..^2], .. Enumerable.Repeat(progressive[lastScan..^2], 200).SelectMany(scan => scan), 0xFF, 0xD9],
            "png-zero" => SetSize(0, 45),
            "png-huge" => SetSize(100000, 100000),
            "png-large" => SetSize(60000, 60000),
            "png-promise" => SetSize(8000, 8000),
            "png-colour" => Set(png, 25, 5),
            "png-depth" => Set(png, 24, 4),
            "png-interlace" => Set(png, 28, 2),
            "png-no-header" => Set(png, 12, [.. "tEXt"u8]),
            "png-chunk" => Set(png, 33, 0, 1, 0, 0),
            "png-back" => Set(png, 33, 0xFF, 0xFF, 0xFF, 0xF4),
            "png-taller" => SetSize(61, 46),
            "png-shorter" => SetSize(61, 44),
            // Apple's way to say that the image data is deflated without a header, which is no longer what was counted.
            "png-apple" => [.. png[..33], 0, 0, 0, 4, .. "CgBI"u8, 0x50, 0, 0x20, 2, 0, 0, 0, 0, .. png[33..]],
            "png-damaged" => Set(png, 2000, [.. Enumerable.Repeat((byte)0x55, 40)]),
            "png-filter" => Png(61, 45, [.. Enumerable.Repeat((byte)9, 8280)]),
            "ppm-large" => Encoding.ASCII.GetBytes("P6 99999 45 255\n"),
            "ppm-words" => Encoding.ASCII.GetBytes("P6 x"),
            "ppm-wide" => Encoding.ASCII.GetBytes("P6\n# sixteen bits\n61 45\n65535\n"),
            "ppm-short" => ppm[..^1],
            _ => throw new ArgumentOutOfRangeException(nameof(which)),
        };
    }

    private static byte[] Png(int width, int height, byte[] lines)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(lines);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = 2;
        // Without checksums, which no check here reads.
        byte[] Chunk(ReadOnlySpan<byte> type, byte[] data)
        {
            byte[] length = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
            return [.. length, .. type, .. data, 0, 0, 0, 0];
        }

        return [0x89, .. "PNG\r\n\u001a\n"u8, .. Chunk("IHDR"u8, header), .. Chunk("IDAT"u8, packed.ToArray()), .. Chunk("IEND"u8, [])];
    }
}
