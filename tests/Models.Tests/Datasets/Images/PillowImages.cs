using MergeEngine.Models.Datasets.Images;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Datasets.Images;

/// <summary>The image files under tests/Fixtures/images, and what Pillow makes of them.</summary>
internal static class PillowImages
{
    public static string PathOf(string name) => FixtureFiles.PathOf($"images/{name}");

    public static byte[] Expected(string tensor, out long[] shape)
    {
        using SafetensorsFile file = FixtureFiles.Open("images/expected.safetensors");
        TensorEntry entry = file[tensor];
        shape = [.. entry.Shape.Dimensions];
        byte[] bytes = new byte[entry.ByteLength];
        file.ReadBytes(entry, 0, bytes);
        return bytes;
    }

    public static RgbImage Read(string name) => Decode(PathOf(name));

    /// <summary>The image of any file.</summary>
    public static RgbImage Decode(string path)
    {
        RgbImage? decoded = null;
        ImageFile.Read(path, image => decoded = image);
        return decoded!;
    }

    /// <summary>[height, width, channels] from [channels, height, width].</summary>
    public static byte[] Interleave(byte[] planes, int channels)
    {
        int pixels = planes.Length / channels;
        return [.. Enumerable.Range(0, planes.Length).Select(i => planes[((i % channels) * pixels) + (i / channels)])];
    }
}
