namespace MergeEngine.Tensors.Tests.Support;

/// <summary>
/// One row of an operation test table: how to lay out its memory, what to call, how far a device may be from the float64 reference.
/// The same body runs on every device; see <see cref="OperationChecks"/> for what is asked of it.
/// </summary>
/// <param name="Name">Unique within its table: the operation and what is special about the sizes.</param>
/// <param name="Bound">Largest |difference| over the largest |reference value| of a result; 0 asks for the same bits.</param>
/// <param name="Prepare">Makes inputs and declares results, and returns the call; the call can be repeated.</param>
/// <param name="Absolute">Added to the allowed difference, for results that are zero in exact arithmetic.</param>
public sealed record OperationCase(string Name, double Bound, Func<OperationRun, Action> Prepare, double Absolute = 0)
{
    /// <summary>The same numbers in every process: string.GetHashCode would not be.</summary>
    public int Seed { get; } = Name.Aggregate(17, (hash, letter) => unchecked((hash * 31) + letter));

    public override string ToString() => Name;
}

/// <summary>Operation cases by name, so that a theory can pass names and test output stays readable.</summary>
public sealed class OperationTable(IEnumerable<OperationCase> cases)
{
    private readonly Dictionary<string, OperationCase> _cases = cases.ToDictionary(c => c.Name);

    public OperationCase this[string name] => _cases[name];

    public IEnumerable<string> Names => _cases.Keys;

    /// <summary>Every case at every vector width.</summary>
    public TheoryData<string, string> OnLevels()
    {
        var data = new TheoryData<string, string>();
        foreach (string name in Names)
        {
            foreach (string device in DeviceCases.Levels) data.Add(name, device);
        }

        return data;
    }
}
