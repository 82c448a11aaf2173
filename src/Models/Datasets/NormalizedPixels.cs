namespace MergeEngine.Models.Datasets;

/// <summary>Bytes of an image as the normalised pixels of a batch.</summary>
internal static class NormalizedPixels
{
    /// <summary>Normalises and shifts an image; the gap is filled with byte 0.</summary>
    /// <param name="bytes">[channels, height, width].</param>
    /// <param name="shape">Of the image.</param>
    /// <param name="image">[channels, height, width], written.</param>
    /// <param name="normalization">By channel.</param>
    /// <param name="shift">Pixels to the right and down.</param>
    public static void Write(ReadOnlySpan<byte> bytes, ImageShape shape, Span<float> image, PixelNormalization normalization, (int X, int Y) shift)
    {
        int height = shape.Height, width = shape.Width;
        for (int c = 0; c < shape.Channels; c++)
        {
            ReadOnlySpan<float> table = normalization.Table(c);
            for (int y = 0; y < height; y++)
            {
                Span<float> target = image.Slice(((c * height) + y) * width, width);
                if ((uint)(y - shift.Y) >= (uint)height)
                {
                    target.Fill(table[0]);
                    continue;
                }

                ReadOnlySpan<byte> row = bytes.Slice(((c * height) + y - shift.Y) * width, width);
                for (int x = 0; x < target.Length; x++)
                {
                    int from = x - shift.X;
                    target[x] = table[(uint)from < (uint)row.Length ? row[from] : 0];
                }
            }
        }
    }
}
