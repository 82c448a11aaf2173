using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>What planning comes across: problems, which end it once all are found, and notes. Each is kept once.</summary>
internal sealed class PlanFindings
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly HashSet<YamlPlace> _places = [];
    private readonly List<string> _problems = [];
    private readonly List<string> _notes = [];
    private bool _areOfFiles = true;

    public IReadOnlyList<string> Notes => _notes;

    public void Problem(string sentence)
    {
        _areOfFiles = false;
        if (_known.Add(sentence)) _problems.Add(sentence);
    }

    /// <summary>A file that is missing or broken.</summary>
    public void FileProblem(string sentence)
    {
        if (_known.Add(sentence)) _problems.Add(sentence);
    }

    /// <summary>What is wrong with the recipe at one of its places: the first tensor that shows it stands for all.</summary>
    public void ProblemAt(YamlException problem)
    {
        if (_places.Add(problem.Place)) Problem(problem.Message);
    }

    public void Note(string sentence)
    {
        if (_known.Add(sentence)) _notes.Add(sentence);
    }

    /// <exception cref="PlanningException">There are problems.</exception>
    public void ThrowIfAny()
    {
        if (_problems.Count > 0) throw new PlanningException([.. _problems], _areOfFiles);
    }
}
