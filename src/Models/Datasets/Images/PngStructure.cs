using System.Buffers.Binary;
using System.IO.Compression;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Images;

/// <summary>
/// Walks through the chunks of a PNG file (ISO/IEC 15948) to its end, and counts what its image data unpacks to: no less and no more than the header
/// promises.
/// </summary>
internal static class PngStructure
{
    private const int SignatureLength = 8, HeaderLength = 13;

    /// <summary>First pixel and step of the seven passes of an interlaced image: x, y, step in x, step in y.</summary>
    private static readonly (int X, int Y, int StepX, int StepY)[] Passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    public static bool Matches(ReadOnlySpan<byte> file) => file.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']);

    /// <exception cref="ModelException">The file is cut off or damaged; one sentence.</exception>
    public static ImageHeader Check(string path, ReadOnlySpan<byte> file)
    {
        using var packed = new MemoryStream();
        ImageHeader header = default;
        long unpacked = 0;
        for (int position = SignatureLength; ;)
        {
            if (position + 12 > file.Length) throw new ModelException($"{path}: the file ends after {Counting.Of(file.Length, "byte")} without the PNG's IEND, expected a whole image.");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[position..]);
            ReadOnlySpan<byte> type = file.Slice(position + 4, 4);
            if (length > file.Length - position - 12) throw new ModelException($"{path}: the chunk at byte {position} has {length} bytes, but the file ends after {file.Length}, expected a whole image.");
            ReadOnlySpan<byte> chunk = file.Slice(position + 8, (int)length);
            if (position == SignatureLength)
            {
                if (!type.SequenceEqual("IHDR"u8) || length != HeaderLength) throw new ModelException($"{path}: the PNG does not begin with an IHDR of {HeaderLength} bytes.");
                (header, unpacked) = ReadHeader(path, chunk, file.Length);
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                packed.Write(chunk);
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                break;
            }
            else if (IsCritical(type) && !type.SequenceEqual("PLTE"u8))
            {
                // Apple's CgBI is one: decoders that know it unpack the data another way than it is counted here.
                throw new ModelException($"{path}: the PNG needs the chunk {Convert.ToHexString(type)} at byte {position} to be understood, expected IHDR, PLTE, IDAT and IEND alone.");
            }

            position += 12 + (int)length;
        }

        Unpack(path, packed, unpacked);
        return header;
    }

    /// <summary>A capital first letter: who does not know the chunk cannot read the image (clause 5.4).</summary>
    private static bool IsCritical(ReadOnlySpan<byte> type) => (type[0] & 0x20) == 0;

    private static (ImageHeader Header, long Unpacked) ReadHeader(string path, ReadOnlySpan<byte> chunk, int bytes)
    {
        uint width = BinaryPrimitives.ReadUInt32BigEndian(chunk), height = BinaryPrimitives.ReadUInt32BigEndian(chunk[4..]);
        byte depth = chunk[8], color = chunk[9], interlaced = chunk[12];
        int channels = color switch { 0 or 3 => 1, 2 => 3, 4 => 2, 6 => 4, _ => throw new ModelException($"{path}: the PNG has the colour type {color}, expected 0, 2, 3, 4 or 6.") };
        bool depthFits = color switch { 0 => depth is 1 or 2 or 4 or 8 or 16, 3 => depth is 1 or 2 or 4 or 8, _ => depth is 8 or 16 };
        if (!depthFits) throw new ModelException($"{path}: the PNG has {depth} bits a sample, which its colour type {color} does not have.");
        if (interlaced > 1) throw new ModelException($"{path}: the PNG has the interlace method {interlaced}, expected 0 or 1.");
        ImageHeader.RequireSize(path, width, height, bytes);
        long bits = (long)channels * depth, unpacked = 0;
        if (interlaced == 0) unpacked = Lines(width, height, bits);
        else foreach ((int x, int y, int stepX, int stepY) in Passes) unpacked += Lines((width - x + stepX - 1) / stepX, (height - y + stepY - 1) / stepY, bits);
        // What it unpacks to, which may be held in a buffer of twice the size; samples of up to two bytes, a palette's four channels, and the result.
        return (new ImageHeader((int)width, (int)height, channels, (3 * unpacked) + ((16L + 7) * width * height)), unpacked);
    }

    /// <summary>Bytes of the lines of an image or a pass, each with the number of its filter before it.</summary>
    private static long Lines(long width, long height, long bits) => width <= 0 || height <= 0 ? 0 : height * (1 + (((width * bits) + 7) / 8));

    private static void Unpack(string path, MemoryStream packed, long expected)
    {
        packed.Position = 0;
        byte[] buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(1 << 15);
        try
        {
            using var stream = new ZLibStream(packed, CompressionMode.Decompress, leaveOpen: true);
            long unpacked = 0;
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                unpacked += read;
                if (unpacked > expected) throw new ModelException($"{path}: the PNG's image data unpacks to more than the {expected} bytes of its pixels.");
            }

            if (unpacked < expected) throw new ModelException($"{path}: the PNG's image data ends after {unpacked} bytes, expected {expected} for its pixels.");
        }
        catch (InvalidDataException e)
        {
            throw new ModelException($"{path}: the PNG's image data is damaged.", e);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
