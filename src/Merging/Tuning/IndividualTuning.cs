using MergeEngine.Merging.Methods;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>One model for each task, all from the same start: the experts that one-shot methods merge, and the reference from above.</summary>
public static class IndividualTuning
{
    /// <summary>Tunes a copy of <paramref name="start"/> on each task, with a fresh optimizer each.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="start">Read only.</param>
    /// <param name="length">Length for each task.</param>
    /// <param name="optimizer">Makes an optimizer; called once.</param>
    /// <param name="context">Ledger, progress, cancellation.</param>
    /// <returns>The models in the order of the tasks; the caller owns them.</returns>
    /// <exception cref="ArgumentException">No tasks, two of one name, or one without examples.</exception>
    /// <exception cref="DivergenceException">A loss, or a weight after the last step, is not finite; all memory is given back.</exception>
    /// <exception cref="OperationCanceledException">Between two steps; all memory is given back.</exception>
    public static IReadOnlyList<NamedModel> Run(
        IReadOnlyList<ITuningTask> tasks, ParameterVector start, TuningLength length, Func<IParameterOptimizer> optimizer, TuningContext context)
    {
        TuningChecks.Require(tasks);
        using IParameterOptimizer inner = optimizer();
        var loop = new TuningLoop(context, tasks.Sum(length.StepsFor));
        var models = new List<NamedModel>(tasks.Count);
        try
        {
            foreach (ITuningTask task in tasks)
            {
                long steps = length.StepsFor(task);
                var model = new NamedModel(task.Name, start.Clone());
                models.Add(model);
                inner.Reset();
                loop.Run(task, model.Parameters, inner, 0, steps, new double[steps]);
                DivergenceException.ThrowIfNotFinite(TuningChecks.Title(context, task), model.Parameters);
            }
        }
        catch
        {
            foreach (NamedModel model in models) model.Parameters.Dispose();
            throw;
        }

        return models;
    }
}
