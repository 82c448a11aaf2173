namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>A recipe does not fit its checkpoints. Everything that is wrong is listed, one sentence each.</summary>
public sealed class PlanningException(IReadOnlyList<string> problems)
    : Exception(problems.Count == 1 ? problems[0] : $"{problems.Count} problems:{string.Concat(problems.Select(p => $"{Environment.NewLine}  {p}"))}")
{
    /// <summary>One sentence each, in the order in which they were found; never empty.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
