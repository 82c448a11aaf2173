using System.Diagnostics;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>Some steps of one task on one parameter vector: what individual and alternating tuning are made of.</summary>
internal sealed class TuningLoop(TuningContext context, long totalOfPhase)
{
    private long _done;

    /// <summary>Tunes parameters in place.</summary>
    /// <param name="task">The task.</param>
    /// <param name="parameters">Updated.</param>
    /// <param name="optimizer">Its moments go on from where they are.</param>
    /// <param name="first">First batch of the task's stream.</param>
    /// <param name="count">Steps.</param>
    /// <param name="losses">[count], the loss of each batch before its update.</param>
    /// <exception cref="DivergenceException">A loss is not finite.</exception>
    public void Run(ITuningTask task, ParameterVector parameters, IParameterOptimizer optimizer, long first, long count, Span<double> losses)
    {
        long start = Stopwatch.GetTimestamp();
        long examples = 0, steps = 0;
        try
        {
            for (; steps < count; steps++)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                BatchResult batch = task.Accumulate(parameters, first + steps, 1);
                TuningChecks.RequireFinite(batch.Loss, context, task, first + steps);
                optimizer.Step(parameters, first + steps);
                losses[(int)steps] = batch.Loss;
                examples += batch.Examples;
                context.Progress?.Report(new TuningProgress(context.Phase, task.Name, ++_done, totalOfPhase));
            }
        }
        finally
        {
            context.Ledger.Add(context.Phase, task.Name, examples, steps, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }
}
