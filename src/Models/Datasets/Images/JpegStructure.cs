using System.Buffers.Binary;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets.Images;

/// <summary>
/// Walks through the markers of a JPEG file (ITU-T T.81, annex B) from its start to its end-of-image marker. Decoders fill in what a file that was cut
/// off lacks, or look for it for ever; this finds it out before one is let at the file.
/// </summary>
internal static class JpegStructure
{
    private const byte StartOfImage = 0xD8, EndOfImage = 0xD9, StartOfScan = 0xDA, HuffmanTables = 0xC4, QuantizationTables = 0xDB, RestartInterval = 0xDD, Extension = 0xC8, ArithmeticTables = 0xCC;

    /// <summary>Scans of the longest file: every scan of a progressive image may pass over all of it, in as little as ten bytes. Encoders make about ten.</summary>
    private const int MostScans = 200;

    public static bool Matches(ReadOnlySpan<byte> file) => file.StartsWith((ReadOnlySpan<byte>)[0xFF, StartOfImage, 0xFF]);

    /// <exception cref="ModelException">The file is cut off or damaged, or of a kind that is not read; one sentence.</exception>
    public static ImageHeader Check(string path, ReadOnlySpan<byte> file)
    {
        ImageHeader? frame = null;
        int scans = 0;
        for (int position = 2; ;)
        {
            byte marker = NextMarker(file, ref position);
            if (marker == 0) throw Cut(path, scans > 0 ? "end-of-image marker" : "image data", file.Length);
            if (marker == EndOfImage) return frame is { } whole && scans > 0 ? whole : throw new ModelException($"{path}: the JPEG has no image data.");
            if (marker is 0x01 or (>= 0xD0 and <= 0xD7)) continue;
            if (marker == StartOfImage) throw new ModelException($"{path}: the JPEG begins a second time at byte {position - 2}, expected its image data.");
            if (position + 2 > file.Length) throw Cut(path, $"segment of marker FF{marker:X2}", file.Length);
            int length = BinaryPrimitives.ReadUInt16BigEndian(file[position..]);
            if (length < 2) throw new ModelException($"{path}: the segment at byte {position} has a length of {length}, expected at least 2.");
            if (length > file.Length - position) throw Cut(path, $"segment of marker FF{marker:X2}", file.Length);
            ReadOnlySpan<byte> segment = file.Slice(position + 2, length - 2);
            if (marker is >= 0xC0 and <= 0xCF and not (HuffmanTables or Extension or ArithmeticTables))
            {
                if (frame is not null) throw new ModelException($"{path}: the JPEG has a second frame at byte {position - 2}, expected one.");
                frame = ReadFrame(path, marker, segment, file.Length);
            }

            // Decoders take what they have as the image where a table between frame and scan is broken.
            bool broken = marker switch
            {
                HuffmanTables => !AreHuffmanTables(segment),
                QuantizationTables => !AreQuantizationTables(segment),
                RestartInterval => segment.Length != 2,
                _ => false,
            };
            if (broken) throw new ModelException($"{path}: the JPEG's table at byte {position - 2} is damaged.");
            if (marker == StartOfScan)
            {
                if (frame is null) throw new ModelException($"{path}: image data at byte {position - 2} comes before the JPEG's frame header.");
                if (++scans > MostScans) throw new ModelException($"{path}: the JPEG has more than {MostScans} scans, expected at most so many.");
            }

            position += length;
        }
    }

    /// <summary>
    /// The next marker at or after a position, which moves behind it; 0 for none. What stands between is entropy-coded data, in which FF00 is a byte and
    /// the restart markers belong to it, or rubbish that decoders pass over too.
    /// </summary>
    private static byte NextMarker(ReadOnlySpan<byte> file, ref int position)
    {
        while (true)
        {
            int found = file[position..].IndexOf((byte)0xFF);
            if (found < 0) return 0;
            position += found;
            while (position < file.Length && file[position] == 0xFF) position++;
            if (position == file.Length) return 0;
            byte marker = file[position++];
            if (marker != 0) return marker;
        }
    }

    private static ImageHeader ReadFrame(string path, byte marker, ReadOnlySpan<byte> frame, int bytes)
    {
        if (marker is not (0xC0 or 0xC1 or 0xC2))
        {
            string kind = marker >= 0xC9 ? "arithmetic coding" : marker is 0xC3 or 0xC7 ? "lossless coding" : "differential frames";
            throw new ModelException($"{path}: is a JPEG with {kind}, expected a baseline or progressive one with Huffman coding.");
        }

        if (frame.Length < 6) throw new ModelException($"{path}: the JPEG's frame header has {Counting.Of(frame.Length, "byte")}, expected at least 6.");
        int height = BinaryPrimitives.ReadUInt16BigEndian(frame[1..]), width = BinaryPrimitives.ReadUInt16BigEndian(frame[3..]), components = frame[5];
        if (frame[0] != 8) throw new ModelException($"{path}: is a JPEG of {frame[0]} bits, expected 8.");
        if (components is not (1 or 3 or 4)) throw new ModelException($"{path}: is a JPEG of {components} components, expected 1, 3 or 4.");
        if (frame.Length != 6 + (3 * components)) throw new ModelException($"{path}: the JPEG's frame header has {Counting.Of(frame.Length, "byte")}, expected {6 + (3 * components)} for {Counting.Of(components, "component")}.");
        ImageHeader.RequireSize(path, width, height, bytes);
        long widest = 1, tallest = 1;
        for (int c = 0; c < components; c++)
        {
            int horizontal = frame[7 + (3 * c)] >> 4, vertical = frame[7 + (3 * c)] & 15;
            if (horizontal is < 1 or > 4 || vertical is < 1 or > 4)
                throw new ModelException($"{path}: component {c} of the JPEG is sampled {horizontal} × {vertical}, expected 1 to 4 each way.");
            widest = Math.Max(widest, horizontal);
            tallest = Math.Max(tallest, vertical);
        }

        // Whole units of up to 32 × 32 pixels; a component's samples, and where the file is progressive its coefficients of two bytes; the result.
        long padded = (width + (8 * widest)) * (height + (8 * tallest));
        return new ImageHeader(width, height, components, (padded * components * (marker == 0xC2 ? 3 : 1)) + (7L * width * height));
    }

    /// <summary>Class and number, 16 numbers of codes by length, and a value for each code; the codes of a length are as many as the shorter ones leave.</summary>
    private static bool AreHuffmanTables(ReadOnlySpan<byte> tables)
    {
        while (tables.Length >= 17)
        {
            int codes = 0, free = 1;
            foreach (byte count in tables.Slice(1, 16))
            {
                codes += count;
                free = (2 * free) - count;
                if (free < 0) return false;
            }

            if (tables[0] >> 4 > 1 || (tables[0] & 15) > 3 || codes > 256 || tables.Length < 17 + codes) return false;
            tables = tables[(17 + codes)..];
        }

        return tables.IsEmpty;
    }

    /// <summary>Precision and number, and 64 values of one or two bytes.</summary>
    private static bool AreQuantizationTables(ReadOnlySpan<byte> tables)
    {
        while (!tables.IsEmpty)
        {
            int length = 1 + (64 * ((tables[0] >> 4) + 1));
            if (tables[0] >> 4 > 1 || (tables[0] & 15) > 3 || tables.Length < length) return false;
            tables = tables[length..];
        }

        return true;
    }

    private static ModelException Cut(string path, string what, int bytes) => new($"{path}: the file ends after {Counting.Of(bytes, "byte")} without the JPEG's {what}, expected a whole image.");
}
