namespace MergeEngine.Models.Datasets;

/// <summary>A split whose labels are numbered otherwise.</summary>
internal sealed class RelabelledSamples : DatasetSplit
{
    private readonly DatasetSplit _all;
    private readonly int[] _labels;

    /// <param name="all">The samples.</param>
    /// <param name="rows">The new label by the old one.</param>
    public RelabelledSamples(DatasetSplit all, IReadOnlyList<int> rows)
        : base(all.Source, all.Name)
    {
        _all = all;
        _labels = new int[all.Labels.Length];
        for (int i = 0; i < _labels.Length; i++) _labels[i] = rows[all.Labels[i]];
    }

    public override int Count => _all.Count;

    public override ReadOnlySpan<int> Labels => _labels;

    public override TextSplit? Texts => _all.Texts;

    public override ImageShape? ImageShape => _all.ImageShape;

    public override Images.ImageFileSplit? ImageFiles => _all.ImageFiles;

    public override void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default)
    {
        _all.Read(indices, batch, augmentation);
        if (_labels.Length > 0) batch.Relabel(indices, _labels);
    }
}
