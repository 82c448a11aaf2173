namespace MergeEngine.Models.Datasets.Images;

/// <summary>An image of bytes, its channels together pixel by pixel and without space between its lines.</summary>
/// <param name="Pixels">[height, width, channels].</param>
/// <param name="Height">Lines.</param>
/// <param name="Width">Pixels of a line.</param>
/// <param name="Channels">3 for red, green and blue, or 1 for grey.</param>
internal sealed record RgbImage(byte[] Pixels, int Height, int Width, int Channels)
{
    /// <summary>Luma of every pixel by ITU-R BT.601 in 16-bit fixed point, as Pillow makes grey of colour: (19595 R + 38470 G + 7471 B + 2¹⁵) / 2¹⁶.</summary>
    public RgbImage ToGrey()
    {
        if (Channels == 1) return this;
        byte[] grey = new byte[Pixels.Length / 3];
        for (int i = 0; i < grey.Length; i++)
        {
            ReadOnlySpan<byte> pixel = Pixels.AsSpan(3 * i, 3);
            grey[i] = (byte)(((pixel[0] * 19595) + (pixel[1] * 38470) + (pixel[2] * 7471) + 0x8000) >> 16);
        }

        return this with { Pixels = grey, Channels = 1 };
    }
}
