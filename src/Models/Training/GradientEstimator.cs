using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>A gradient over exemplars.</summary>
/// <param name="Samples">How many.</param>
/// <param name="Loss">Their mean cross-entropy.</param>
public sealed record GradientEstimate(int Samples, double Loss);

/// <summary>
/// The mean gradient of a task, (1/M) Σ_i ∂L_i/∂θ, or its mean absolute per-sample gradient, (1/M) Σ_i |∂L_i/∂θ|: the sensitivity of TATR
/// (arXiv 2501.15065, eq. 5).
/// </summary>
public static class GradientEstimator
{
    /// <summary>Estimates one gradient.</summary>
    /// <param name="encoder">The network.</param>
    /// <param name="parameters">Where the gradient is taken.</param>
    /// <param name="task">Data and head; the samples are of <see cref="TrainingTask.Split"/>, without augmentation.</param>
    /// <param name="samples">Which samples.</param>
    /// <param name="reduction">Mean of gradients, or of their absolute values.</param>
    /// <param name="result">Of the encoder's layout; overwritten.</param>
    /// <param name="batchSize">Samples at once; the result does not depend on it but for rounding.</param>
    /// <param name="headResult">Of the layout of the head's parameters, overwritten; null for a head that is a constant.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="ModelException">Data, head and encoder do not fit each other.</exception>
    /// <exception cref="InvalidOperationException">Another thread uses the encoder.</exception>
    public static GradientEstimate Estimate(
        Encoder encoder, ParameterVector parameters, TrainingTask task, ReadOnlySpan<int> samples, GradientReduction reduction, ParameterVector result,
        int batchSize = 32, ParameterVector? headResult = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        ArgumentOutOfRangeException.ThrowIfZero(samples.Length, nameof(samples));
        DatasetSplit split = task.Check(encoder, task.Split);
        using EncoderUse use = encoder.Use();
        OperationSet operations = encoder.Device.Operations;
        ClassificationHead head = task.Head;
        operations.Fill(result.Values, 0);
        if (headResult is not null) operations.Fill(headResult.Values, 0);
        using Batch batch = encoder.CreateBatch();
        float[] losses = new float[Math.Min(batchSize, samples.Length)];
        double loss = 0;
        for (int first = 0; first < samples.Length; first += batchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            ReadOnlySpan<int> some = samples.Slice(first, Math.Min(batchSize, samples.Length - first));
            split.Read(some, batch);
            encoder.Run(new LossPass(encoder, head, batch, parameters, result, headResult, reduction, 1), LossPass.Run);
            encoder.Device.Download(head.Losses, losses.AsSpan(0, some.Length));
            for (int i = 0; i < some.Length; i++) loss += losses[i];
        }

        // Divided once, at the end: the sums of batches of any size differ by rounding alone.
        operations.Scale(result.Values, 1f / samples.Length);
        if (headResult is not null) operations.Scale(headResult.Values, 1f / samples.Length);
        return new GradientEstimate(samples.Length, loss / samples.Length);
    }

    /// <summary>Draws exemplars without replacement, in ascending order; all of them if fewer are there than wanted.</summary>
    /// <param name="count">Samples of the split.</param>
    /// <param name="wanted">How many to draw.</param>
    /// <param name="seed">Seed of the draw.</param>
    /// <param name="task">Keeps the draws of tasks apart.</param>
    public static int[] DrawExemplars(int count, int wanted, ulong seed, string task)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(wanted, 1);
        int[] order = [.. Enumerable.Range(0, count)];
        if (wanted >= count) return order;
        var random = new PhiloxStream(seed, $"exemplars.{task}");
        random.Shuffle(order);
        Array.Resize(ref order, wanted);
        Array.Sort(order);
        return order;
    }
}
