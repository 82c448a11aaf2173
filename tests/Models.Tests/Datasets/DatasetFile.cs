using System.Buffers.Binary;
using System.IO.Compression;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tests.Datasets;

/// <summary>Small datasets whose every byte is known: pixel p of image i is (17·i + p) mod 256, label i is i mod classes.</summary>
internal static class DatasetFile
{
    public static byte[] Pixels(int count, int length) => [.. Enumerable.Range(0, count * length).Select(k => (byte)((17 * (k / length)) + (k % length)))];

    public static int[] Labels(int count, int classes) => [.. Enumerable.Range(0, count).Select(i => i % classes)];

    public static IEnumerable<TensorContent> Split(string name, int count, int channels, int height, int width, int classes) =>
    [
        new TensorContent($"{name}.images", DType.U8, [count, channels, height, width], Pixels(count, channels * height * width)),
        TensorContent.FromInt32($"{name}.labels", [count], Labels(count, classes)),
    ];

    public static byte[] IdxImages(int count, int height, int width) => [.. Header(3, count, height, width), .. Pixels(count, height * width)];

    public static byte[] IdxLabels(int count, int classes) => [.. Header(1, count), .. Labels(count, classes).Select(l => (byte)l)];

    public static byte[] Header(int rank, params int[] dimensions)
    {
        byte[] header = new byte[4 + (4 * dimensions.Length)];
        header[2] = 8;
        header[3] = (byte)rank;
        for (int i = 0; i < dimensions.Length; i++) BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 + (4 * i)), dimensions[i]);
        return header;
    }

    public static byte[] Gzip(byte[] data)
    {
        using var memory = new MemoryStream();
        using (var stream = new GZipStream(memory, CompressionLevel.Fastest)) stream.Write(data);
        return memory.ToArray();
    }
}
