namespace MergeEngine.Merging.Experiments;

/// <summary>How far an experiment is, for whoever shows it.</summary>
/// <param name="Phase">What is being done, for example <c>individual: mnist</c>.</param>
/// <param name="Done">Units done in this phase, optimizer steps while tuning.</param>
/// <param name="Total">Units of this phase.</param>
/// <param name="OverallDone">Units done in the whole experiment.</param>
/// <param name="OverallTotal">Units of the whole experiment, as far as known when it starts.</param>
public readonly record struct ExperimentProgress(string Phase, long Done, long Total, long OverallDone, long OverallTotal);
