using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// A split in two: a share of the samples, spread evenly over it so that a file sorted by class gives every class its share, and the rest.
/// </summary>
public sealed class HeldOutSamples : DatasetSplit
{
    private readonly DatasetSplit _all;
    private readonly int[] _indices;
    private readonly int[] _labels;

    private HeldOutSamples(DatasetSplit all, string name, int[] indices)
        : base(all.Source, name)
    {
        _all = all;
        _indices = indices;
        _labels = all.Labels.IsEmpty ? [] : [.. indices.Select(i => all.Labels[i])];
    }

    public override int Count => _indices.Length;

    public override ReadOnlySpan<int> Labels => _labels;

    public override TextSplit? Texts => _all.Texts;

    public override ImageShape? ImageShape => _all.ImageShape;

    public override Images.ImageFileSplit? ImageFiles => _all.ImageFiles;

    /// <summary>Takes samples out of a split: sample i where ⌊(i + 1)·share⌋ is above ⌊i·share⌋.</summary>
    /// <param name="all">The split.</param>
    /// <param name="share">Of its samples, above 0 and below 1.</param>
    /// <param name="name">Name of the new split.</param>
    /// <returns>The rest under the old name, and what was taken under the new one.</returns>
    /// <exception cref="ModelException">One of the two would be empty.</exception>
    public static (DatasetSplit Kept, DatasetSplit HeldOut) Take(DatasetSplit all, double share, string name)
    {
        ILookup<bool, int> parts = Enumerable.Range(0, all.Count).ToLookup(i => Math.Floor((i + 1) * share) > Math.Floor(i * share));
        if (!parts[true].Any() || !parts[false].Any()) throw new ModelException($"{all.Source}: the split {all.Name} has {Counting.Of(all.Count, "sample")}, too few to hold out a share of {share} of them.");
        return (new HeldOutSamples(all, all.Name, [.. parts[false]]), new HeldOutSamples(all, name, [.. parts[true]]));
    }

    public override void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default)
    {
        int[] own = new int[indices.Length];
        for (int i = 0; i < own.Length; i++) own[i] = _indices[indices[i]];
        _all.Read(own, batch, augmentation);
    }
}
