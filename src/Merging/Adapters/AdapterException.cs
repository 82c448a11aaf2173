namespace MergeEngine.Merging.Adapters;

/// <summary>An adapter cannot be used: its config, its tensors or the model it is for do not fit. Everything that is wrong is listed, one sentence each.</summary>
public sealed class AdapterException : IOException
{
    public AdapterException(string problem, Exception? inner = null)
        : base(problem, inner) => Problems = [problem];

    public AdapterException(IReadOnlyList<string> problems)
        : base(problems.Count == 1 ? problems[0] : $"{problems.Count} problems:{string.Concat(problems.Select(p => $"{Environment.NewLine}  {p}"))}") => Problems = problems;

    /// <summary>Never empty.</summary>
    public IReadOnlyList<string> Problems { get; }
}
