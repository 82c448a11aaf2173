using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>One tensor through a method, in chunks as an executor would cut it.</summary>
internal static class TensorMethodRun
{
    /// <summary>The merged tensor.</summary>
    /// <param name="method">The method.</param>
    /// <param name="task">The tensor; its device holds the chunks.</param>
    /// <param name="inputs">The inputs, the base among them.</param>
    /// <param name="cuts">Cuts each pass elsewhere; null for one chunk.</param>
    public static float[] Merge(TensorMethod method, TensorTask task, IReadOnlyList<float[]> inputs, Random? cuts = null)
    {
        using TensorMerge merge = method.Begin(task);
        return Merge(merge, task, inputs, cuts);
    }

    /// <summary>The merged tensor in float64.</summary>
    public static double[] MergeFloat64(TensorMethod method, TensorTask task, IReadOnlyList<float[]> inputs)
    {
        Assert.True(method.HasFloat64, $"'{method.Name}' has no float64 form.");
        double[] output = [.. Enumerable.Repeat(double.NaN, (int)task.Length)];
        method.MergeFloat64(task, [.. inputs.Select(x => Array.ConvertAll(x, v => (double)v))], output);
        return output;
    }

    public static float[] Merge(TensorMerge merge, TensorTask task, IReadOnlyList<float[]> inputs, Random? cuts = null)
    {
        var buffers = new List<DeviceBuffer>();
        DeviceSpan<float> Upload(float[] values)
        {
            DeviceBuffer buffer = task.Device.Allocate<float>(values.Length);
            buffers.Add(buffer);
            task.Device.Upload(values, buffer.AsSpan<float>());
            return buffer.AsSpan<float>();
        }

        try
        {
            DeviceSpan<float>[] spans = [.. inputs.Select(Upload)];
            DeviceSpan<float> output = Upload([.. Enumerable.Repeat(float.NaN, (int)task.Length)]);
            int passes = 0;
            while (merge.NeedsPass)
            {
                foreach ((long start, long length) in Cut(task.Length, merge.Unit, cuts)) merge.Accumulate(new TensorChunk(start, [.. spans.Select(s => s.Slice(start, length))], default));
                merge.CompletePass();
                Assert.InRange(++passes, 1, 6);
            }

            foreach ((long start, long length) in Cut(task.Length, merge.Unit, cuts)) merge.Map(new TensorChunk(start, [.. spans.Select(s => s.Slice(start, length))], output.Slice(start, length)));
            var result = new float[task.Length];
            task.Device.Download(output, result);
            return result;
        }
        finally
        {
            foreach (DeviceBuffer buffer in buffers) buffer.Dispose();
        }
    }

    private static IEnumerable<(long Start, long Length)> Cut(long length, long unit, Random? cuts)
    {
        for (long start = 0, part; start < length; start += part)
        {
            long units = (length - start + unit - 1) / unit;
            part = Math.Min(length - start, unit * (cuts is null ? units : cuts.NextInt64(1, Math.Max(units / 2, 1) + 1)));
            yield return (start, part);
        }
    }
}
