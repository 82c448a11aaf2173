using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>One batch as a task saw it.</summary>
/// <param name="Loss">Mean loss of the batch, before the update.</param>
/// <param name="Examples">Samples in the batch.</param>
public readonly record struct BatchResult(double Loss, int Examples);

/// <summary>
/// A task as the tuning loops see it: an endless stream of batches, and the gradient of a batch. Individual, joint and alternating tuning
/// are the same two calls, this one and <see cref="IParameterOptimizer.Step"/>, in another order.
/// </summary>
public interface ITuningTask
{
    string Name { get; }

    /// <summary>Batches of one pass over the data; batch s belongs to epoch s / StepsPerEpoch, and every epoch has an order of its own.</summary>
    int StepsPerEpoch { get; }

    /// <summary>
    /// Adds <paramref name="weight"/> times the gradient of the mean loss of batch <paramref name="step"/> to what the next optimizer step
    /// will use. The same step gives the same batch, whatever came before.
    /// </summary>
    BatchResult Accumulate(ParameterVector parameters, long step, double weight);
}
