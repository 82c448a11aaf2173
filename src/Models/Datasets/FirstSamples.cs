namespace MergeEngine.Models.Datasets;

/// <summary>The first samples of a split as a split of the same name: a small part of a task's data.</summary>
public sealed class FirstSamples : DatasetSplit
{
    private readonly DatasetSplit _all;

    /// <param name="all">Where they come from.</param>
    /// <param name="count">How many; all of them if the split has fewer.</param>
    public FirstSamples(DatasetSplit all, int count)
        : base(all.Source, all.Name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        _all = all;
        Count = Math.Min(count, all.Count);
    }

    public override int Count { get; }

    public override ReadOnlySpan<int> Labels => _all.Labels.IsEmpty ? default : _all.Labels[..Count];

    public override TextSplit? Texts => _all.Texts;

    public override ImageShape? ImageShape => _all.ImageShape;

    public override Images.ImageFileSplit? ImageFiles => _all.ImageFiles;

    public override void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default) => _all.Read(indices, batch, augmentation);
}
