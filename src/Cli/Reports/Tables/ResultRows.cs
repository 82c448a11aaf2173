using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Reports.Tables;

/// <summary>Which rows of a result compete with each other, and who wins each column.</summary>
internal static class ResultRows
{
    // Eight models instead of one, training on all data at once, and the start: what the merged models are measured against.
    private static readonly string[] References = ["pretrained", "individual", "joint"];

    public static bool IsReference(MethodResult method) => References.Contains(method.Name, StringComparer.Ordinal);

    /// <summary>The best accuracy of a merged model on each task, to the digit that tables show; ties all win.</summary>
    public static IReadOnlyDictionary<string, double> BestByTask(ExperimentResult result, IEnumerable<MethodResult> methods)
    {
        MethodResult[] competing = [.. methods.Where(m => !IsReference(m))];
        return result.Tasks.ToDictionary(task => task, task => competing.Select(m => Shown(Accuracy(m, task))).DefaultIfEmpty(double.NaN).Max(), StringComparer.Ordinal);
    }

    /// <summary>The best mean accuracy of a merged model, to the digit that tables show.</summary>
    public static double BestAverage(IEnumerable<MethodResult> methods) =>
        methods.Where(m => !IsReference(m)).Select(m => Shown(Average(m))).DefaultIfEmpty(double.NaN).Max();

    /// <summary>True when a merged model reaches the best value of its column.</summary>
    public static bool Wins(MethodResult method, double value, double best) => !IsReference(method) && Shown(value).Equals(best);

    public static double Accuracy(MethodResult method, string task) => method.Accuracy.GetValueOrDefault(task) ?? double.NaN;

    /// <summary>The mean over tasks; NaN for a row that has diverged.</summary>
    public static double Average(MethodResult method) => method.Average ?? double.NaN;

    /// <summary>The mean over tasks as tables show it.</summary>
    public static string AverageText(MethodResult method) => method.Diverged is null ? Figures.Percent(Average(method)) : "diverged";

    /// <summary>For each divergence which rows have no figures because of it, and the sentence that tells of it.</summary>
    public static IEnumerable<(string Rows, string Sentence)> Divergences(IEnumerable<MethodResult> methods) =>
        from method in methods
        where method.Diverged is not null
        group method.Name by method.Diverged into rows
        select (string.Join(", ", rows), rows.Key);

    /// <summary>Winning is decided on what is printed: 54.04 and 54.01 are both 54.0.</summary>
    private static double Shown(double value) => Math.Round(value, 1);
}
