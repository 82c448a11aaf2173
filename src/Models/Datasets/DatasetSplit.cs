namespace MergeEngine.Models.Datasets;

/// <summary>Samples and their labels: one split of a dataset.</summary>
public abstract class DatasetSplit
{
    protected DatasetSplit(string source, string name)
    {
        Source = source;
        Name = name;
    }

    /// <summary>The file that it comes from, for messages.</summary>
    public string Source { get; }

    /// <summary><c>train</c>, <c>validation</c>, <c>test</c>, or <c>input</c> for a file without splits.</summary>
    public string Name { get; }

    public abstract int Count { get; }

    /// <summary>One of each sample, from 0; empty where the file has none.</summary>
    public abstract ReadOnlySpan<int> Labels { get; }

    /// <summary>Shape of an image; null where the samples are no images, or images in files.</summary>
    public virtual ImageShape? ImageShape => null;

    /// <summary>The texts; null where the samples are no texts.</summary>
    public virtual TextSplit? Texts => null;

    /// <summary>The image files, which take a model's shape when they are read; null where the samples are none.</summary>
    public virtual Images.ImageFileSplit? ImageFiles => null;

    /// <summary>Puts samples into a batch, which must be one for inputs of this kind.</summary>
    /// <param name="indices">Which samples, in the order of the batch.</param>
    /// <param name="batch">Filled.</param>
    /// <param name="augmentation">How each sample is changed; <c>default</c> for not at all.</param>
    public abstract void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default);
}
