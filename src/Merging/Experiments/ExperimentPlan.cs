using MergeEngine.Models.Datasets.Tables;

namespace MergeEngine.Merging.Experiments;

/// <summary>A row of a plan.</summary>
/// <param name="Name">The row.</param>
/// <param name="Kind">The method.</param>
/// <param name="StepsPerTask">Optimizer steps that a task's data takes part in, what the row stands on included; null where the data decides.</param>
/// <param name="Candidates">Models that are scored on validation to choose one; 1 for no choice.</param>
/// <param name="Expected">Average that the file says was published; null for none.</param>
public sealed record PlannedRow(string Name, string Kind, long? StepsPerTask, int Candidates, double? Expected);

/// <summary>
/// What an experiment would do, from its file alone: no weight and no sample is read. What the file names and is not there is listed, with
/// where the file says it can be had.
/// </summary>
public sealed record ExperimentPlan
{
    public required string Name { get; init; }

    public required ulong Seed { get; init; }

    public required IReadOnlyList<string> Tasks { get; init; }

    public required IReadOnlyList<PlannedRow> Rows { get; init; }

    /// <summary>Files and directories that the experiment needs and that are not there.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>Where the parts can be had, as the file says.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>Plans an experiment.</summary>
    public static ExperimentPlan Of(ExperimentFile file)
    {
        var missing = new List<string>();
        void Need(string? path)
        {
            if (path is not null && !missing.Contains(path) && !File.Exists(path) && !Directory.Exists(path)) missing.Add(path);
        }

        Need(file.Model);
        foreach (TaskEntry task in file.Tasks)
        {
            if (task.Files is { } files) foreach ((_, string path) in files.Files) Need(path);
            else if (!IsPattern(task.Data)) Need(task.Data);
            else if (!Exists(task.Data)) missing.Add(task.Data);
            Need(task.Heads);
            Need(task.Tuned);
        }

        return new ExperimentPlan
        {
            Name = file.Name,
            Seed = file.Seed,
            Tasks = [.. file.Tasks.Select(task => task.Name)],
            Rows = [.. file.Methods.Select(method => new PlannedRow(method.Name, method.Kind, Steps(file, method), Candidates(method), Expected(file, method)))],
            Missing = missing,
            Sources = file.Sources,
        };
    }

    private static bool IsPattern(string path) => path.Contains("{split}", StringComparison.Ordinal);

    private static bool Exists(string pattern)
    {
        try
        {
            return TextFiles.Find(pattern).Files.Count > 0;
        }
        catch (Models.ModelException)
        {
            return false;
        }
    }

    private static double? Expected(ExperimentFile file, MethodEntry method) => file.Expected.TryGetValue(method.Name, out double average) ? average : null;

    private static int Candidates(MethodEntry method) => method.Kind switch
    {
        "task-arithmetic" or "ties" => method.Lambda.Count,
        "tatr" or "tatr-zero-shot" or "tatr-ties" => method.Lambda.Count * method.Rho.Count,
        "joint" => Math.Max(1, method.LearningRate.Count),
        _ => 1,
    };

    private static long? Steps(ExperimentFile file, MethodEntry method)
    {
        bool tuned = file.Tasks[0].Tuned is not null;
        long? epoch = file.Tuning.StepsPerEpoch > 0 ? file.Tuning.StepsPerEpoch : null, budget = file.Tuning.Epochs * epoch;
        if (method.Kind == "pretrained") return 0;
        if (method.Rounds is not { } rounds) return method.Kind == "joint" ? budget * Candidates(method) : tuned ? 0 : budget;
        long? round = rounds.CountsSteps ? rounds.Every : rounds.OnValidation ? null : rounds.Every * epoch;
        return (rounds.Rounds * round) + (rounds.Start is { } start ? Steps(file, start) : 0);
    }
}
