using System.Diagnostics;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>
/// One model for all tasks, tuned on all of them at once: the reference that merging tries to reach without sharing data. A step takes
/// one batch of every task, averages the T gradients in the order of the tasks, and makes one optimizer step.
/// </summary>
public static class JointTuning
{
    /// <param name="tasks">The tasks.</param>
    /// <param name="start">Read only.</param>
    /// <param name="length">Length; in epochs, that of the task with the most batches, and the others begin their data again.</param>
    /// <param name="optimizer">Makes an optimizer; called once.</param>
    /// <param name="context">Ledger, progress, cancellation.</param>
    /// <returns>The tuned parameters; the caller owns them.</returns>
    /// <exception cref="ArgumentException">No tasks, two of one name, or one without examples.</exception>
    /// <exception cref="DivergenceException">A loss, or a weight after the last step, is not finite; all memory is given back.</exception>
    /// <exception cref="OperationCanceledException">Between two steps; all memory is given back.</exception>
    public static ParameterVector Run(
        IReadOnlyList<ITuningTask> tasks, ParameterVector start, TuningLength length, Func<IParameterOptimizer> optimizer, TuningContext context)
    {
        TuningChecks.Require(tasks);
        long total = tasks.Max(length.StepsFor);
        using IParameterOptimizer inner = optimizer();
        ParameterVector parameters = start.Clone();
        long began = Stopwatch.GetTimestamp();
        long steps = 0, examples = 0;
        try
        {
            for (; steps < total; steps++)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                foreach (ITuningTask task in tasks)
                {
                    BatchResult batch = task.Accumulate(parameters, steps, 1.0 / tasks.Count);
                    TuningChecks.RequireFinite(batch.Loss, context, task, steps);
                    examples += batch.Examples;
                }

                inner.Step(parameters, steps);
                context.Progress?.Report(new TuningProgress(context.Phase, "", steps + 1, total));
            }

            DivergenceException.ThrowIfNotFinite(context.Phase, parameters);
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
        finally
        {
            context.Ledger.Add(context.Phase, "", examples, steps, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return parameters;
    }
}
