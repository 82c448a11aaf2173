using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>A fixture's expected values, and the comparison with them.</summary>
internal sealed class VisionCase(string path) : IDisposable
{
    private readonly SafetensorsFile _file = SafetensorsFile.Open(path);

    public IEnumerable<string> Names => _file.Tensors.Select(t => t.Name);

    public bool Has(string name) => _file.TryGet(name, out _);

    public float[] Floats(string name) => _file.ReadFloat32(name);

    public int[] Integers(string name) => _file.ReadInt32(name);

    /// <summary>F32 or F64 values without rounding.</summary>
    public double[] Doubles(string name)
    {
        TensorEntry entry = _file[name];
        if (entry.DType != DType.F64) return [.. _file.ReadFloat32(name).Select(v => (double)v)];
        return _file.ReadFloat64(name);
    }

    /// <summary>The batch of the images and labels whose names begin with a prefix.</summary>
    public ImageBatch Batch(VisionTransformer encoder, string prefix = "")
    {
        ImageBatch batch = encoder.CreateBatch();
        float[] pixels = Floats($"{prefix}images");
        batch.Prepare(pixels.Length / encoder.Config.Image.Length, out Span<float> images, out Span<int> labels);
        pixels.CopyTo(images);
        if (Has($"{prefix}labels")) Integers($"{prefix}labels").CopyTo(labels);
        batch.Commit();
        return batch;
    }

    /// <summary>A tensor is right if no element is further from the expected one than <paramref name="bound"/> times the largest expected magnitude.</summary>
    public void AssertClose(string name, ReadOnlySpan<float> actual, double bound)
    {
        double[] expected = Doubles(name);
        Assert.Equal(expected.Length, actual.Length);
        double largest = expected.Max(Math.Abs), worst = 0;
        for (int i = 0; i < expected.Length; i++) worst = Math.Max(worst, Math.Abs(expected[i] - actual[i]));
        Assert.True(worst <= bound * largest, $"{name}: largest error {worst:e2} is {worst / largest:e2} of the largest value {largest:g4}, expected at most {bound:e1}.");
    }

    public static float[] Download(Matrix matrix)
    {
        Assert.True(matrix.IsContiguous);
        float[] values = new float[matrix.Rows * matrix.Columns];
        matrix.Data.Buffer.Device.Download(matrix.Data.Slice(0, values.Length), values);
        return values;
    }

    public static float[] Download(DeviceSpan<float> span)
    {
        float[] values = new float[span.Length];
        span.Buffer.Device.Download(span, values);
        return values;
    }

    public void Dispose() => _file.Dispose();
}
