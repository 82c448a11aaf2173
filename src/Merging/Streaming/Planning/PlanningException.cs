namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>A recipe does not fit its checkpoints, or these cannot be read. Everything that is wrong is listed, one sentence each.</summary>
/// <param name="problems">One sentence each; at least one.</param>
/// <param name="areOfFiles">Whether every one of them is a file that is missing or broken, so that there is nothing to change in the recipe.</param>
public sealed class PlanningException(IReadOnlyList<string> problems, bool areOfFiles = false)
    : Exception(problems.Count == 1 ? problems[0] : $"{problems.Count} problems:{string.Concat(problems.Select(p => $"{Environment.NewLine}  {p}"))}")
{
    /// <summary>One sentence each, in the order in which they were found; never empty.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;

    /// <summary>Whether every problem is a file that is missing or broken.</summary>
    public bool AreOfFiles { get; } = areOfFiles;
}
