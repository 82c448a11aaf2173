namespace MergeEngine.Merging.Tuning;

/// <summary>What every tuning run refuses before its first step.</summary>
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
}
