using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>How parameters do on a split.</summary>
/// <param name="Correct">Samples whose largest logit is that of their label.</param>
/// <param name="Count">Samples.</param>
/// <param name="Loss">Mean cross-entropy.</param>
public sealed record EvaluationResult(int Correct, int Count, double Loss)
{
    /// <summary>In per cent.</summary>
    public double Accuracy => 100.0 * Correct / Count;
}

/// <summary>Accuracy and mean loss.</summary>
public static class Evaluator
{
    /// <summary>Scores parameters on a split of a task; without augmentation.</summary>
    /// <param name="encoder">The network.</param>
    /// <param name="parameters">Weights of its layout.</param>
    /// <param name="task">Data and head.</param>
    /// <param name="split">Which split.</param>
    /// <param name="batchSize">Samples at once; the result does not depend on it but for rounding.</param>
    /// <param name="limit">The first so many samples; null for all.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="ModelException">Data, head and encoder do not fit each other.</exception>
    /// <exception cref="InvalidOperationException">Another thread uses the encoder.</exception>
    public static EvaluationResult Evaluate(
        Encoder encoder, ParameterVector parameters, TrainingTask task, string split = "test", int batchSize = 64, int? limit = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        DatasetSplit samples = task.Check(encoder, split);
        int count = Math.Min(samples.Count, limit ?? samples.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, nameof(limit));
        batchSize = Math.Min(batchSize, count);
        using EncoderUse use = encoder.Use();
        using Batch batch = encoder.CreateBatch();
        using DeviceBuffer best = encoder.Device.Allocate<int>(batchSize);
        int[] indices = new int[batchSize], predicted = new int[batchSize];
        float[] losses = new float[batchSize];
        int correct = 0;
        double loss = 0;
        for (int first = 0; first < count; first += batchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            int n = Math.Min(batchSize, count - first);
            for (int i = 0; i < n; i++) indices[i] = first + i;
            samples.Read(indices.AsSpan(0, n), batch);
            encoder.Run((encoder, parameters, task.Head, batch, best), static pass =>
            {
                Matrix logits = pass.Head.Forward(pass.encoder.Forward(pass.parameters, pass.batch, keepForBackward: false));
                pass.encoder.Device.Operations.CrossEntropy(pass.Head.Losses, default, logits, pass.batch.Labels, 1);
                pass.encoder.Device.Operations.ArgMax(pass.best.AsSpan<int>().Slice(0, pass.batch.Count), logits);
            });
            encoder.Device.Download(task.Head.Losses, losses.AsSpan(0, n));
            encoder.Device.Download(best.AsSpan<int>().Slice(0, n), predicted.AsSpan(0, n));
            for (int i = 0; i < n; i++)
            {
                loss += losses[i];
                if (predicted[i] == samples.Labels[first + i]) correct++;
            }
        }

        return new EvaluationResult(correct, count, loss / count);
    }
}
