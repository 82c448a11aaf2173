namespace MergeEngine.Models.Datasets.Images;

/// <summary>The header of a binary PGM or PPM file (Netpbm's <c>P5</c> and <c>P6</c>), as GTSRB is published: width, height, largest value, samples.</summary>
internal static class PixmapStructure
{
    public static bool Matches(ReadOnlySpan<byte> file) => file.Length > 2 && (file.StartsWith("P5"u8) || file.StartsWith("P6"u8)) && IsSpace(file[2]);

    /// <exception cref="ModelException">The header is broken, or the file is shorter than it says.</exception>
    public static ImageHeader Check(string path, ReadOnlySpan<byte> file)
    {
        int position = 2, channels = file[1] == '6' ? 3 : 1;
        long width = Number(path, file, ref position), height = Number(path, file, ref position), largest = Number(path, file, ref position);
        if (largest != 255) throw new ModelException($"{path}: the largest value of a sample is {largest}, expected 255 as in an image of bytes.");
        ImageHeader.RequireSize(path, width, height, file.Length);
        // One blank stands between the header and the samples.
        long expected = width * height * channels, found = file.Length - position - 1;
        if (found < expected) throw new ModelException($"{path}: there are {Math.Max(0, found)} bytes of samples, expected {expected} for {width} × {height} pixels.");
        return new ImageHeader((int)width, (int)height, channels, 10 * width * height);
    }

    /// <summary>The samples of a file that was checked.</summary>
    public static RgbImage Decode(ReadOnlySpan<byte> file, ImageHeader header)
    {
        int position = 2;
        for (int i = 0; i < 3; i++) Number("", file, ref position);
        int pixels = header.Width * header.Height;
        ReadOnlySpan<byte> samples = file.Slice(position + 1, pixels * header.Channels);
        if (header.Channels == 3) return new RgbImage(samples.ToArray(), header.Height, header.Width, 3);
        byte[] rgb = new byte[3 * pixels];
        for (int i = 0; i < pixels; i++) rgb.AsSpan(3 * i, 3).Fill(samples[i]);
        return new RgbImage(rgb, header.Height, header.Width, 3);
    }

    private static long Number(string path, ReadOnlySpan<byte> file, ref int position)
    {
        while (position < file.Length && (IsSpace(file[position]) || file[position] == '#'))
        {
            if (file[position] == '#') while (position < file.Length && file[position] != '\n') position++;
            else position++;
        }

        int digits = file[position..].IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (digits is < 1 or > 9) throw new ModelException($"{path}: the header has no number at byte {position}, expected width, height and largest value of a PPM image.");
        long number = long.Parse(file.Slice(position, digits), System.Globalization.CultureInfo.InvariantCulture);
        position += digits;
        return number;
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\v' or (byte)'\f' or (byte)'\r';
}
