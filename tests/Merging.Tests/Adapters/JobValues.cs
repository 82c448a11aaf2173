using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Adapters;

/// <summary>The output of a planned tensor, computed whole from its sources.</summary>
internal static class JobValues
{
    /// <summary>The values of a source, in pieces at random places.</summary>
    public static float[] Read(TensorSource source, long length, Random? cuts = null)
    {
        var values = new float[length];
        for (int at = 0; at < length;)
        {
            int unit = (int)(source.Transform?.Unit ?? 1), piece = (int)Math.Min(length - at, cuts is null ? length : unit * cuts.NextInt64(1, 100));
            if (source.Transform is { } transform) transform.Read(at, values.AsSpan(at, piece));
            else source.Checkpoint.FileOf(source.Tensor).ReadFloat32(source.Checkpoint[source.Tensor], at, values.AsSpan(at, piece));
            at += piece;
        }

        return [.. values.Select(x => Round(x, source.DType))];
    }

    public static float[] Merge(TensorJob job, Device device)
    {
        float[][] inputs = [.. job.Sources.Select(s => Read(s, job.Shape.ElementCount))];
        float[] merged = job.Method is null ? inputs[0] : TensorMethodRun.Merge(job.Method, job.Task(device, 0), inputs);
        return [.. merged.Select(x => Round(x, job.DType))];
    }

    public static float Round(float x, DType type) => type == DType.BF16 ? (float)(BFloat16)x : type == DType.F16 ? (float)(Half)x : x;
}
