namespace MergeEngine.Merging.Tuning;

/// <summary>How far a phase is.</summary>
/// <param name="Phase">The phase, as in the ledger.</param>
/// <param name="Task">The task that is being tuned; empty for joint steps.</param>
/// <param name="Done">Optimizer steps of the phase that are done, all tasks together.</param>
/// <param name="Total">Optimizer steps of the phase.</param>
public readonly record struct TuningProgress(string Phase, string Task, long Done, long Total);

/// <summary>What goes with every tuning run: where its costs are booked, who watches it, who may stop it.</summary>
/// <param name="Phase">Name in ledger and progress.</param>
/// <param name="Ledger">Where the cost is booked.</param>
/// <param name="Progress">Called after every step, on the tuning thread; must be quick.</param>
/// <param name="Cancellation">Looked at before every step.</param>
public sealed record TuningContext(string Phase, Ledger Ledger, IProgress<TuningProgress>? Progress = null, CancellationToken Cancellation = default);
