using MergeEngine.Models.Training;

namespace MergeEngine.Merging.Tuning;

/// <summary>What every tuning run refuses, before its first step and at each.</summary>
internal static class TuningChecks
{
    public static void Require(IReadOnlyList<ITuningTask> tasks)
    {
        if (tasks.Count == 0) throw new ArgumentException("No tasks were given: tuning needs at least one.", nameof(tasks));
        for (int t = 0; t < tasks.Count; t++)
        {
            if (tasks[t].StepsPerEpoch < 1) throw new ArgumentException($"The task '{tasks[t].Name}' has no training examples in its split.", nameof(tasks));
            for (int s = 0; s < t; s++)
            {
                if (tasks[s].Name == tasks[t].Name) throw new ArgumentException($"Two tasks are called '{tasks[t].Name}'.", nameof(tasks));
            }
        }
    }

    /// <summary>What a failure of one task in a phase begins with.</summary>
    public static string Title(TuningContext context, ITuningTask task) => $"{context.Phase}, task {task.Name}";

    /// <summary>Ends a run at the first loss that is not finite.</summary>
    /// <param name="loss">Of the batch.</param>
    /// <param name="context">The phase, for the message.</param>
    /// <param name="task">The task, for the message.</param>
    /// <param name="step">Number of the batch within the task's stream, from 0.</param>
    /// <exception cref="DivergenceException">The loss is not finite.</exception>
    public static void RequireFinite(double loss, TuningContext context, ITuningTask task, long step)
    {
        if (!double.IsFinite(loss)) throw DivergenceException.OfLoss(Title(context, task), step + 1);
    }
}
