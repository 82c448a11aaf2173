using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Methods;

/// <summary>The mask of a <see cref="TrustRegion"/> over a whole model, for those who want to look at it; a merge needs only its threshold.</summary>
public sealed class TrustRegionMask : IDisposable
{
    private readonly DeviceBuffer _kept;

    private TrustRegionMask(DeviceBuffer kept, ParameterLayout layout, long live, long dropped)
    {
        _kept = kept;
        Layout = layout;
        Live = live;
        Dropped = dropped;
    }

    public ParameterLayout Layout { get; }

    /// <summary>One byte for each element of the layout: 1 kept (dead coordinates and gaps too), 0 dropped.</summary>
    public DeviceSpan<byte> Kept => _kept.AsSpan<byte>();

    /// <summary>Coordinates where some task vector is not zero.</summary>
    public long Live { get; }

    public long Dropped { get; }

    /// <exception cref="ArgumentException">The region needs gradients and there are none, or the layouts differ.</exception>
    public static TrustRegionMask Compute(TrustRegion region, TaskVectors taskVectors, IReadOnlyList<ParameterVector>? gradients = null)
    {
        gradients ??= [];
        if (region.NeedsGradients && taskVectors.Count > 1 && gradients.Count != taskVectors.Count)
            throw new ArgumentException($"The trust region needs the mean absolute gradient of {taskVectors.Count} tasks, {gradients.Count} were given.", nameof(gradients));
        ParameterVector origin = taskVectors.Base;
        foreach (ParameterVector gradient in gradients) origin.RequireSameLayout(gradient);
        var shape = new MergeShape(origin.Device, taskVectors.Count, origin.Layout.ParameterCount, gradients.Count != 0);
        DeviceSpan<float>[] vectors = [.. taskVectors.Vectors.Select(v => v.Values)];
        var chunk = new MergeChunk(0, origin.Values, vectors, [.. gradients.Select(g => g.Values)]);

        using var selection = new TrustRegionSelection(region, shape);
        while (!selection.IsComplete)
        {
            selection.Accumulate(chunk);
            selection.CompletePass();
        }

        DeviceBuffer kept = origin.Device.Allocate<byte>(origin.Layout.Length);
        selection.WriteMask(kept.AsSpan<byte>(), chunk);
        return new TrustRegionMask(kept, origin.Layout, origin.Device.Operations.CountAnyNonzero(vectors), selection.Dropped);
    }

    public void Dispose() => _kept.Dispose();
}
