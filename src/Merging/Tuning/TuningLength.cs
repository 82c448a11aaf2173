namespace MergeEngine.Merging.Tuning;

/// <summary>How long something is tuned: optimizer steps, or passes over a task's data.</summary>
public readonly record struct TuningLength
{
    private TuningLength(long count, bool epochs)
    {
        Count = count;
        IsEpochs = epochs;
    }

    public long Count { get; }

    /// <summary>Whether <see cref="Count"/> is epochs; else it is steps.</summary>
    public bool IsEpochs { get; }

    /// <exception cref="ArgumentException">Less than one.</exception>
    public static TuningLength Steps(long count) => new(RequirePositive(count, "steps"), false);

    /// <inheritdoc cref="Steps"/>
    public static TuningLength Epochs(long count) => new(RequirePositive(count, "epochs"), true);

    /// <summary>Optimizer steps for one task; every task has its own number of steps an epoch.</summary>
    public long StepsFor(ITuningTask task) => IsEpochs ? checked(Count * task.StepsPerEpoch) : Count;

    public override string ToString() => $"{Count} {(IsEpochs ? "epochs" : "steps")}";

    private static long RequirePositive(long count, string unit) =>
        count >= 1 ? count : throw new ArgumentException($"A tuning length is {count} {unit}, expected at least 1.", nameof(count));
}
