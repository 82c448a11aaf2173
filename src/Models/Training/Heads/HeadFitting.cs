using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training.Heads;

/// <summary>Makes a task's head from what an encoder already sees in its inputs.</summary>
public static class HeadFitting
{
    private const int BatchSize = 64;

    /// <summary>Fits a linear head to the features of a split by <see cref="LogisticRegression"/>.</summary>
    /// <param name="encoder">Gives the features, with the weights it was loaded with.</param>
    /// <param name="dataset">The task.</param>
    /// <param name="split">The split of it that is fitted.</param>
    /// <param name="l2">Penalty of the weights, see <see cref="LogisticRegression"/>.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="ModelException">The split is not for this encoder, has no labels, or fewer than two classes; or the features are not finite.</exception>
    public static ClassificationHead Fit(Encoder encoder, Dataset dataset, string split = "train", double l2 = 1, CancellationToken cancellation = default)
    {
        DatasetSplit samples = dataset.Require(split);
        if (encoder.Refuses(samples) is { } fault) throw new ModelException($"{samples.Source}: the split {split} {fault}.");
        if (samples.Labels.Length == 0) throw new ModelException($"{samples.Source}: the split {split} has no labels.");
        if (dataset.Classes.Count < 2) throw new ModelException($"{dataset.Source}: there is one class alone, expected at least 2 to fit a head.");
        int width = encoder.FeatureWidth, classes = dataset.Classes.Count;
        double[] features = Features(encoder, samples, cancellation);
        if (!features.All(double.IsFinite)) throw new ModelException($"{samples.Source}: the features of the split {split} are not finite numbers, expected finite weights and inputs.");
        double[] fitted = LogisticRegression.Fit(features, samples.Labels.ToArray(), classes, l2);
        var parameters = new ParameterVector(encoder.Device, new ParameterLayout([new("weight", [classes, width]), new("bias", [classes])]));
        parameters.Upload("weight", [.. fitted.Take(classes * width).Select(value => (float)value)]);
        parameters.Upload("bias", [.. fitted.Skip(classes * width).Select(value => (float)value)]);
        return new ClassificationHead(parameters, "weight", "bias");
    }

    private static double[] Features(Encoder encoder, DatasetSplit samples, CancellationToken cancellation)
    {
        using EncoderUse use = encoder.Use();
        using Batch batch = encoder.CreateBatch();
        int width = encoder.FeatureWidth;
        double[] features = new double[checked(samples.Count * width)];
        float[] some = new float[BatchSize * width];
        int[] indices = new int[BatchSize];
        for (int first = 0; first < samples.Count; first += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = Math.Min(BatchSize, samples.Count - first);
            for (int i = 0; i < count; i++) indices[i] = first + i;
            samples.Read(indices.AsSpan(0, count), batch);
            Matrix rows = encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            encoder.Device.Download(rows.Data, some.AsSpan(0, count * width));
            for (int i = 0; i < count * width; i++) features[(first * width) + i] = some[i];
        }

        return features;
    }
}
