using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Training;

/// <summary>Fills <paramref name="order"/> with the samples 0 … length − 1 in the order of an epoch.</summary>
public delegate void SampleOrder(int epoch, Span<int> order);

/// <summary>A name, its data and its head: what one encoder is tuned for.</summary>
/// <param name="Name">Keys the random streams of data order and augmentation.</param>
/// <param name="Dataset">The samples.</param>
/// <param name="Head">From features to the dataset's classes.</param>
public sealed record TrainingTask(string Name, Dataset Dataset, ClassificationHead Head)
{
    /// <summary>The split that is trained on.</summary>
    public string Split { get; init; } = "train";

    /// <summary>The order of an epoch's samples; null shuffles by seed, task and epoch.</summary>
    public SampleOrder? Order { get; init; }

    /// <summary>Data and head fit each other and the encoder.</summary>
    /// <exception cref="ModelException">They do not; one sentence with the file.</exception>
    public DatasetSplit Check(Encoder encoder, string split)
    {
        DatasetSplit samples = Dataset.Require(split);
        if (encoder.Refuses(samples) is { } fault) throw new ModelException($"{samples.Source}: the split {split} {fault}.");
        if (samples.Labels.Length == 0) throw new ModelException($"{samples.Source}: the split {split} has no labels.");
        if (Head.Width != encoder.FeatureWidth) throw new ModelException($"{Dataset.Source}: the head of task {Name} has {Counting.Of(Head.Width, "column")}, expected {encoder.FeatureWidth} as the features have.");
        Dataset.RequireLabelsBelow(Head.Classes, $"the {Head.Classes} classes of the head");
        return samples;
    }
}
