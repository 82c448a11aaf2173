namespace MergeEngine.Merging.Adapters;

/// <summary>An adapter cannot be used: its config, its tensors or the model it is for do not fit. Everything that is wrong is listed, one sentence each.</summary>
public sealed class AdapterException : IOException
{
    public AdapterException(string problem, Exception? inner = null, bool areOfFiles = true)
        : base(problem, inner) => (Problems, AreOfFiles) = ([problem], areOfFiles);

    public AdapterException(IReadOnlyList<string> problems, bool areOfFiles = true)
        : base(problems.Count == 1 ? problems[0] : $"{problems.Count} problems:{string.Concat(problems.Select(p => $"{Environment.NewLine}  {p}"))}") =>
        (Problems, AreOfFiles) = (problems, areOfFiles);

    /// <summary>Never empty.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>Whether every problem is a file that is missing or broken; otherwise something that was asked for cannot be, or models do not fit each other.</summary>
    public bool AreOfFiles { get; }
}
