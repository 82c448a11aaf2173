using System.Buffers;
using System.Numerics.Tensors;

namespace MergeEngine.Models.Datasets.Images;

/// <summary>
/// Resizes an image of bytes and takes a window out of the result, along lines first and then across them, rounded to bytes between the two: bit for bit
/// what Pillow's <c>resize</c> and <c>crop</c> make, of which only the window is computed.
/// </summary>
internal static class Resizing
{
    private const int Half = 1 << (ResampleWeights.FractionBits - 1);

    /// <summary>Resizes to a size and copies a window of it, which may reach beyond it: there pixels are 0.</summary>
    /// <param name="image">The image.</param>
    /// <param name="size">What it is resized to.</param>
    /// <param name="filter">How.</param>
    /// <param name="window">Its left upper corner in the resized image, and its size.</param>
    /// <param name="planes">[channels, window height, window width].</param>
    public static void Resize(RgbImage image, (int Height, int Width) size, ResampleFilter filter, Window window, Span<byte> planes)
    {
        Window inside = window.Within(size.Height, size.Width);
        if (inside != window) planes.Clear();
        if (inside.Height <= 0 || inside.Width <= 0) return;
        int line = inside.Width * image.Channels;
        byte[] pixels = ArrayPool<byte>.Shared.Rent(checked(inside.Height * line));
        try
        {
            if (filter == ResampleFilter.Nearest) Pick(image, size, inside, pixels);
            else Average(image, size, filter, inside, pixels);
            for (int c = 0; c < image.Channels; c++)
            {
                for (int y = 0; y < inside.Height; y++)
                {
                    ReadOnlySpan<byte> source = pixels.AsSpan(y * line, line);
                    Span<byte> target = planes.Slice((((c * window.Height) + y + inside.Top - window.Top) * window.Width) + inside.Left - window.Left, inside.Width);
                    for (int x = 0; x < target.Length; x++) target[x] = source[(x * image.Channels) + c];
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
        }
    }

    private static void Pick(RgbImage image, (int Height, int Width) size, Window window, Span<byte> pixels)
    {
        double stepX = (double)image.Width / size.Width, stepY = (double)image.Height / size.Height;
        for (int y = 0; y < window.Height; y++)
        {
            int row = Math.Min(image.Height - 1, (int)((window.Top + y + 0.5) * stepY));
            for (int x = 0; x < window.Width; x++)
            {
                int column = Math.Min(image.Width - 1, (int)((window.Left + x + 0.5) * stepX));
                image.Pixels.AsSpan(((row * image.Width) + column) * image.Channels, image.Channels).CopyTo(pixels[(((y * window.Width) + x) * image.Channels)..]);
            }
        }
    }

    private static void Average(RgbImage image, (int Height, int Width) size, ResampleFilter filter, Window window, Span<byte> pixels)
    {
        // Of an unchanged side each pixel is itself; the filters' weights would say the same.
        ResampleFilter across = size.Height == image.Height ? ResampleFilter.Box : filter, along = size.Width == image.Width ? ResampleFilter.Box : filter;
        var columns = new ResampleWeights(along, image.Width, size.Width, window.Left, window.Width);
        var rows = new ResampleWeights(across, image.Height, size.Height, window.Top, window.Height);
        int line = window.Width * image.Channels, bytes = image.Width * image.Channels;
        int[] memory = ArrayPool<int>.Shared.Rent(checked((window.Height + 1) * line));
        try
        {
            Span<int> sums = memory.AsSpan(0, window.Height * line), current = memory.AsSpan(window.Height * line, line);
            sums.Fill(Half);
            // Each line of the image is resized once and goes into the few lines that it is a part of.
            for (int y = rows.First(0), oldest = 0; y < rows.End; y++)
            {
                Along(image.Pixels.AsSpan(y * bytes, bytes), image.Channels, columns, current);
                while (rows.First(oldest) + rows.Of(oldest).Length <= y) oldest++;
                for (int row = oldest; row < window.Height && rows.First(row) <= y; row++)
                {
                    Span<int> sum = sums.Slice(row * line, line);
                    ReadOnlySpan<int> weights = rows.Of(row);
                    if (y - rows.First(row) < weights.Length) TensorPrimitives.MultiplyAdd(current, weights[y - rows.First(row)], sum, sum);
                }
            }

            for (int i = 0; i < sums.Length; i++) pixels[i] = Clip(sums[i]);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(memory);
        }
    }

    /// <summary>One line resized, as bytes that stand in integers for the sums across lines.</summary>
    private static void Along(ReadOnlySpan<byte> source, int channels, ResampleWeights columns, Span<int> target)
    {
        for (int x = 0; x < columns.Count; x++)
        {
            ReadOnlySpan<int> weights = columns.Of(x);
            ReadOnlySpan<byte> pixels = source.Slice(columns.First(x) * channels, weights.Length * channels);
            if (channels == 3)
            {
                int red = Half, green = Half, blue = Half;
                for (int k = 0, i = 0; k < weights.Length && i + 2 < pixels.Length; k++, i += 3)
                {
                    red += pixels[i] * weights[k];
                    green += pixels[i + 1] * weights[k];
                    blue += pixels[i + 2] * weights[k];
                }

                target[3 * x] = Clip(red);
                target[(3 * x) + 1] = Clip(green);
                target[(3 * x) + 2] = Clip(blue);
            }
            else
            {
                int sum = Half;
                for (int k = 0; k < weights.Length; k++) sum += pixels[k] * weights[k];
                target[x] = Clip(sum);
            }
        }
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.FractionBits, 0, 255);
}

/// <summary>A rectangle of pixels.</summary>
internal readonly record struct Window(int Top, int Left, int Height, int Width)
{
    /// <summary>What of it lies inside an image.</summary>
    public Window Within(int height, int width)
    {
        int top = Math.Max(0, Top), left = Math.Max(0, Left);
        return new Window(top, left, Math.Min(height, Top + Height) - top, Math.Min(width, Left + Width) - left);
    }
}
