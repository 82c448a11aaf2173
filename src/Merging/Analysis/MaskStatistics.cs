using MergeEngine.Merging.Methods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Analysis;

/// <summary>What a mask does to one layer, or to what stands outside the layers.</summary>
/// <param name="Layer">Number of the layer; null for embeddings, final norm and the like.</param>
/// <param name="Parameters">Coordinates.</param>
/// <param name="Live">Those where some task vector is not zero.</param>
/// <param name="Dropped">Those that the mask drops; all of them are live.</param>
public readonly record struct LayerMaskStatistics(int? Layer, long Parameters, long Live, long Dropped)
{
    /// <summary>Dropped share of the live coordinates; 0 where none is live.</summary>
    public double DroppedShare => Live == 0 ? 0 : (double)Dropped / Live;
}

/// <summary>How much a trust region drops, as a share of the live coordinates, overall and by layer.</summary>
/// <param name="Total">The whole model.</param>
/// <param name="Layers">Layers by number, then what stands outside them.</param>
public sealed record MaskStatistics(LayerMaskStatistics Total, IReadOnlyList<LayerMaskStatistics> Layers)
{
    /// <exception cref="ArgumentException">The mask is that of another layout.</exception>
    public static MaskStatistics Of(TrustRegionMask mask, TaskVectors taskVectors)
    {
        if (!mask.Layout.Equals(taskVectors.Base.Layout)) throw new ArgumentException("The mask was made for a model with other parameters.", nameof(mask));
        var operations = taskVectors.Base.Device.Operations;
        var byLayer = new SortedDictionary<int, LayerMaskStatistics>();
        var slices = new DeviceSpan<float>[taskVectors.Count];
        foreach (Parameter parameter in mask.Layout.Parameters)
        {
            int? layer = LayerName.NumberOf(parameter.Name);
            for (int k = 0; k < slices.Length; k++) slices[k] = taskVectors.Vectors[k][parameter];
            byLayer.TryGetValue(layer ?? int.MaxValue, out LayerMaskStatistics sum);
            byLayer[layer ?? int.MaxValue] = new LayerMaskStatistics(
                layer,
                sum.Parameters + parameter.Length,
                sum.Live + operations.CountAnyNonzero(slices),
                sum.Dropped + operations.CountMasked(mask.Kept.Slice(parameter.Offset, parameter.Length)));
        }

        LayerMaskStatistics[] layers = [.. byLayer.Values];
        var total = new LayerMaskStatistics(null, layers.Sum(l => l.Parameters), layers.Sum(l => l.Live), layers.Sum(l => l.Dropped));
        return new MaskStatistics(total, layers);
    }
}
