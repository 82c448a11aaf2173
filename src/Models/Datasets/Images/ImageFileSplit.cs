using System.Buffers;

namespace MergeEngine.Models.Datasets.Images;

/// <summary>
/// Image files and their labels. A batch's files are read, decoded and prepared when it is asked for, several at a time, so that a split may be larger than
/// memory; what comes out does not depend on how many threads there are.
/// </summary>
public sealed class ImageFileSplit : DatasetSplit
{
    private readonly string _root;
    private readonly IReadOnlyList<string> _files;
    private readonly int[] _labels;

    /// <param name="source">The folder or list, for messages.</param>
    /// <param name="name">Name of the split.</param>
    /// <param name="root">What the files' names are relative to.</param>
    /// <param name="files">The files.</param>
    /// <param name="labels">[count], or empty.</param>
    public ImageFileSplit(string source, string name, string root, IReadOnlyList<string> files, int[] labels)
        : base(source, name)
    {
        _root = root;
        _files = files;
        _labels = labels;
    }

    public override ImageFileSplit ImageFiles => this;

    public override int Count => _files.Count;

    public override ReadOnlySpan<int> Labels => _labels;

    /// <summary>Path of a sample's file.</summary>
    public string PathOf(int sample) => Path.Combine(_root, _files[sample]);

    public override void Read(ReadOnlySpan<int> indices, Batch batch, Augmentation augmentation = default)
    {
        if (batch is not ImageBatch target) throw new ModelException($"{Source}: the split {Name} has images, expected samples of another kind for this model.");
        ImageShape shape = target.ImageShape;
        if (target.Preparation.FindFault(shape) is { } fault) throw new ModelException($"{Source}: the split {Name} {fault}.");
        int length = shape.Length;
        byte[] bytes = ArrayPool<byte>.Shared.Rent(checked(indices.Length * length));
        try
        {
            // Before the batch is touched: where a file cannot be read, it keeps what it holds.
            Decode(indices.ToArray(), target.Preparation, shape, bytes);
            target.Prepare(indices.Length, out Span<float> images, out Span<int> labels);
            for (int i = 0; i < indices.Length; i++)
            {
                NormalizedPixels.Write(bytes.AsSpan(i * length, length), shape, images.Slice(i * length, length), target.Normalization, augmentation.ShiftOf(indices[i]));
                labels[i] = _labels.Length == 0 ? 0 : _labels[indices[i]];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }

        target.Commit();
    }

    /// <summary>Of several files that cannot be read, the first one of the batch is named.</summary>
    private void Decode(int[] samples, ImagePreparation preparation, ImageShape shape, byte[] bytes)
    {
        var faults = new ModelException?[samples.Length];
        int length = shape.Length;
        Parallel.For(0, samples.Length, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            try
            {
                ImageFile.Read(PathOf(samples[i]), image => preparation.Prepare(image, shape, bytes.AsSpan(i * length, length)));
            }
            catch (ModelException e)
            {
                faults[i] = e;
            }
        });
        if (Array.Find(faults, fault => fault is not null) is { } first) throw new ModelException(first.Message, first);
    }
}
