using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Experiments;

/// <summary>
/// A comparison of merging methods, read from YAML: a pre-trained model, tasks with data and frozen heads, one budget for all, and
/// the methods to score. Paths are relative to the file. docs/experiments.md has the schema.
/// </summary>
public sealed record ExperimentFile
{
    /// <summary>Path of the file itself.</summary>
    public required string Path { get; init; }

    public required string Name { get; init; }

    /// <summary>The pre-trained model: a directory or a safetensors file.</summary>
    public required string Model { get; init; }

    public ulong Seed { get; init; }

    public required IReadOnlyList<TaskEntry> Tasks { get; init; }

    /// <summary>Where heads come from; null where every task names its own file.</summary>
    public HeadsEntry? Heads { get; init; }

    public required TuningEntry Tuning { get; init; }

    public required IReadOnlyList<MethodEntry> Methods { get; init; }

    /// <summary>λ at which task arithmetic and TATR are compared without any search; null for no such comparison.</summary>
    public FixedComparison? FixedLambda { get; init; }

    /// <summary>λ of the knowledge-conflict matrix; null for no analysis.</summary>
    public double? ConflictLambda { get; init; }

    /// <summary>Where the parts can be had, a line each, for whoever does not have them.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>Averages that were published for rows, by their name: shown beside a plan, and never part of a result.</summary>
    public IReadOnlyDictionary<string, double> Expected { get; init; } = new Dictionary<string, double>();

    /// <exception cref="YamlException">The file says something that is not understood; one sentence with line and column.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ExperimentFile Load(string path) => Parse(YamlFile.Read(path), path);

    private static ExperimentFile Parse(YamlValue root, string path)
    {
        YamlMapping file = root.AsMapping("An experiment");
        file.Allow("An experiment", "name", "model", "heads", "seed", "texts", "tasks", "tuning", "methods", "fixed_lambda", "conflict_lambda", "sources", "expected");
        string folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        string Resolve(string relative) => System.IO.Path.Combine(folder, relative);

        HeadsEntry? heads = HeadsEntry.Read(file.Take("heads"), Resolve);
        TextsEntry texts = TextsEntry.Read(file.Take("texts"), TextsEntry.Default);
        List<MethodEntry> methods = ReadMethods(file.Require("methods"));
        return new ExperimentFile
        {
            Path = path,
            Name = file.Text("name", System.IO.Path.GetFileNameWithoutExtension(path)),
            Model = Resolve(file.RequireText("model")),
            Seed = file.Unsigned("seed", 0),
            Heads = heads,
            Tasks = ReadTasks(file.Require("tasks"), heads, texts, Resolve),
            Tuning = TuningEntry.Read(file.Take("tuning")),
            Methods = methods,
            FixedLambda = file.Take("fixed_lambda") is { } fixedLambda ? FixedComparison.Read(fixedLambda) : null,
            ConflictLambda = file.Take("conflict_lambda") is null ? null : file.Number("conflict_lambda", 0, 0),
            Sources = file.Take("sources") is { } sources ? [.. sources.AsSequence("'sources'").Items.Select(item => item.AsScalar("A source").Text)] : [],
            Expected = ReadExpected(file.Take("expected"), methods),
        };
    }

    private static List<TaskEntry> ReadTasks(YamlValue value, HeadsEntry? heads, TextsEntry texts, Func<string, string> resolve)
    {
        YamlSequence list = value.AsSequence("'tasks'");
        var tasks = new List<TaskEntry>();
        foreach (YamlValue item in list.Items)
        {
            var task = TaskEntry.Read(item, heads?.File, fitted: heads is { File: null }, texts, resolve);
            if (tasks.Any(t => t.Name == task.Name)) throw item.Error($"the task '{task.Name}' occurs twice.");
            if (tasks.Count > 0 && task.Tuned is null != tasks[0].Tuned is null) throw item.Error($"the tasks '{tasks[0].Name}' and '{task.Name}' differ in 'tuned': all of the individual models stand in files, or none.");
            tasks.Add(task);
        }

        return tasks.Count > 0 ? tasks : throw list.Error("'tasks' is empty.");
    }

    private static Dictionary<string, double> ReadExpected(YamlValue? value, List<MethodEntry> methods)
    {
        var expected = new Dictionary<string, double>();
        if (value is null) return expected;
        YamlMapping map = value.AsMapping("'expected'");
        foreach ((YamlScalar row, _) in map.Entries)
        {
            if (methods.All(method => method.Name != row.Text)) throw row.Error($"there is no row '{row.Shown}'; rows are {string.Join(", ", methods.Select(method => method.Name))}.");
            expected[row.Text] = map.Number(row.Text, 0, 0, 100);
        }

        return expected;
    }

    private static List<MethodEntry> ReadMethods(YamlValue value)
    {
        YamlSequence list = value.AsSequence("'methods'");
        var methods = new List<MethodEntry>();
        foreach (YamlValue item in list.Items) methods.Add(MethodEntry.Read(item, methods));
        return methods.Count > 0 ? methods : throw list.Error("'methods' is empty.");
    }
}

/// <summary>A comparison at one λ: task arithmetic beside TATR with each ρ, nothing searched but ρ on validation.</summary>
public sealed record FixedComparison(double Lambda, IReadOnlyList<double> Rho)
{
    internal static FixedComparison Read(YamlValue value)
    {
        // A number alone is its λ.
        YamlMapping map = value is YamlScalar ? new YamlMapping(value.Place, [new(new YamlScalar(value.Place, "lambda", false), value)]) : value.AsMapping("'fixed_lambda'");
        var comparison = new FixedComparison(map.Number("lambda", 0.3, 0), map.Numbers("rho", [0.99, 0.95, 0.9], 0, 1));
        map.Finish("'fixed_lambda'");
        return comparison;
    }
}
