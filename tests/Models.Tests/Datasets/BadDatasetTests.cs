using MergeEngine.Models.Datasets;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Datasets;

/// <summary>Dataset files that are not what they say: each gets one sentence with the file.</summary>
public sealed class BadDatasetTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("labels-length", "tensor \"train.labels\" is [3], expected [4], one label for each image.")]
    [InlineData("labels-missing", "there is no tensor \"train.labels\"")]
    [InlineData("labels-range", "label 7 of sample 2 in the split train is not one of its classes, expected 0 to 1.")]
    [InlineData("labels-negative", "label -1 of sample 0 in the split train is not one of its classes, expected 0 to")]
    [InlineData("labels-huge", "holds 3000000000 at element 1, expected values that fit 32 bits.")]
    [InlineData("labels-large", ": the largest label is 2147483647, expected labels below 65536 where the classes have no names.")]
    [InlineData("labels-float", "is F32, expected an integer type or BOOL")]
    [InlineData("images-rank", "tensor \"train.images\" is [4, 784], expected [samples, channels, height, width].")]
    [InlineData("images-dtype", "tensor \"train.images\" is I32, expected U8 or F32.")]
    [InlineData("images-empty", "tensor \"train.images\" is [0, 1, 2, 2], expected [samples, channels, height, width].")]
    [InlineData("classes", "the metadata \"classes\" is \"[1, 2]\", expected a JSON list of names.")]
    [InlineData("classes-half", "the metadata \"classes\" is \"[\\\"a\\\", \\\"\\\\ud800\\\"]\", expected a JSON list of names.")]
    [InlineData("nothing", "there is no tensor \"train.images\", \"validation.images\", \"test.images\" or \"images\", expected a dataset or an input, of texts with input_ids for images.")]
    public void Bad_safetensors_datasets_get_a_sentence(string which, string sentence)
    {
        string path = _directory.File("bad.safetensors");
        TensorContent images = new("train.images", Tensors.Numerics.DType.U8, [4, 1, 2, 2], new byte[16]);
        TensorContent Labels(params int[] values) => TensorContent.FromInt32("train.labels", [values.Length], values);
        var metadata = new Dictionary<string, string>();
        TensorContent[] tensors = which switch
        {
            "labels-length" => [images, Labels(0, 1, 0)],
            "labels-missing" => [images],
            "labels-range" => [images, Labels(0, 1, 7, 0)],
            "labels-negative" => [images, Labels(-1, 1, 0, 0)],
            "labels-huge" => [images, TensorContent.FromInt64("train.labels", [4], new[] { 0L, 3_000_000_000, 1, 1 })],
            "labels-large" => [images, Labels(0, 1, int.MaxValue, 0)],
            "labels-float" => [images, TensorContent.FromFloat32("train.labels", [4], new float[4])],
            "images-rank" => [new("train.images", Tensors.Numerics.DType.U8, [4, 784], new byte[4 * 784]), Labels(0, 1, 0, 1)],
            "images-dtype" => [TensorContent.FromInt32("train.images", [4, 1, 2, 2], new int[16]), Labels(0, 1, 0, 1)],
            "images-empty" => [new("train.images", Tensors.Numerics.DType.U8, [0, 1, 2, 2], Array.Empty<byte>()), TensorContent.FromInt32("train.labels", [0], Array.Empty<int>())],
            "classes" or "classes-half" => [images, Labels(0, 1, 0, 1)],
            _ => [Labels(0, 1)],
        };
        if (which == "labels-range") metadata["classes"] = """["a", "b"]""";
        if (which == "classes-half") metadata["classes"] = """["a", "\ud800"]""";
        if (which == "classes") metadata["classes"] = "[1, 2]";
        SafetensorsWriter.Write(path, tensors, metadata);
        string message = Assert.ThrowsAny<IOException>(() => Dataset.Open(path)).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.Contains(sentence, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("empty", "the file ends inside its header, expected 16 bytes of it.")]
    [InlineData("magic", "the file begins with 00000D03, expected 00000803 for an IDX file of bytes with 3 dimensions.")]
    [InlineData("negative", "dimension 1 is -3, expected a positive number.")]
    [InlineData("zero", "dimension 0 is 0, expected a positive number.")]
    [InlineData("promise", "the header promises [2147483647, 2147483647, 2147483647] bytes, but the file holds at most")]
    [InlineData("short", "the header promises [6, 3, 5] bytes, but the file holds at most 89.")]
    [InlineData("long", "there is more than the 90 bytes of [6, 3, 5].")]
    [InlineData("labels", "there are 5 labels, expected 6 as train-images-idx3-ubyte has images.")]
    [InlineData("no-labels", "there is no train-labels-idx1-ubyte beside it, with or without .gz.")]
    [InlineData("packed-short", "the data ends after 10 bytes, expected 90 for [6, 3, 5].")]
    [InlineData("packed-bomb", "there is more than the 90 bytes of [6, 3, 5].")]
    [InlineData("packed-garbage", "cannot be read (")]
    [InlineData("nothing", "there is no train-images-idx3-ubyte or t10k-images-idx3-ubyte, with or without .gz, and no image file, expected an IDX dataset or a folder of images.")]
    public void Bad_IDX_files_get_a_sentence(string which, string sentence)
    {
        byte[] good = DatasetFile.IdxImages(6, 3, 5), data = [.. good];
        switch (which)
        {
            case "empty": data = []; break;
            case "magic": data[2] = 0x0D; break;
            case "negative": data = [.. DatasetFile.Header(3, 6, -3, 5), .. good[16..]]; break;
            case "zero": data = [.. DatasetFile.Header(3, 0, 3, 5)]; break;
            case "promise": data = DatasetFile.Header(3, int.MaxValue, int.MaxValue, int.MaxValue); break;
            case "short": data = good[..^1]; break;
            case "long": data = [.. good, 0]; break;
            case "packed-short": data = DatasetFile.Gzip(good[..26]); break;
            case "packed-bomb": data = DatasetFile.Gzip([.. good, .. new byte[32 << 20]]); break;
            case "packed-garbage": data = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]; break;
        }

        bool packed = which.StartsWith("packed", StringComparison.Ordinal);
        if (which != "nothing") File.WriteAllBytes(_directory.File(packed ? "train-images-idx3-ubyte.gz" : "train-images-idx3-ubyte"), data);
        if (which is not ("no-labels" or "nothing")) File.WriteAllBytes(_directory.File("train-labels-idx1-ubyte"), DatasetFile.IdxLabels(which == "labels" ? 5 : 6, 4));
        string message = which == "long"
            ? Assert.Throws<ModelException>(() => Dataset.Open(_directory.Path)).Message
            : Message(() => Dataset.Open(_directory.Path));
        Assert.StartsWith(_directory.Path, message, StringComparison.Ordinal);
        Assert.Contains(sentence, message, StringComparison.Ordinal);
    }

    private static string Message(Func<object> open) => Assert.Throws<ModelException>(open).Message;
}
