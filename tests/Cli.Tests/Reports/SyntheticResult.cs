using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Tests.Reports;

/// <summary>A result as an experiment of eight tasks would give it, made of formulas.</summary>
internal static class SyntheticResult
{
    public static readonly string[] Tasks = ["mnist", "fashion", "digits", "letters", "greek", "kana", "scripts", "styles"];

    public static ExperimentResult Create(IReadOnlyList<string>? tasks = null, string name = "vision8")
    {
        tasks ??= Tasks;
        string[] methods =
        [
            "pretrained", "individual", "average", "task-arithmetic", "ties", "tatr", "tatr-zero-shot", "tatr-ties",
            "atm-1x10", "atm-10x1", "atm-momentum", "atm-post-hoc", "joint",
        ];
        double[] averages = [52.3, 68.2, 53.1, 53.6, 53.3, 53.5, 53.2, 53.4, 53.6, 54.3, 61.2, 55.0, 62.3];
        return new ExperimentResult
        {
            Name = name,
            Seed = 7,
            Tasks = tasks,
            Methods = [.. methods.Select((method, i) => Method(tasks, method, averages[i], i))],
            FixedCoefficient = new FixedCoefficientResult(0.3, [Method(tasks, "task-arithmetic", 49.6, 1), Method(tasks, "tatr", 52.7, 2)]),
            Rounds =
            [
                Series("atm-10x1", 10, 52.3, 54.3, 1.1),
                Series("atm-momentum", 40, 52.3, 61.2, 6.3),
                Series("atm-post-hoc", 5, 53.1, 55.0, 2.0),
            ],
            Analysis = new TaskVectorAnalysis
            {
                Base = "the pre-trained model",
                Cosine = Matrix(tasks.Count, (i, j) => i == j ? 1 : 0.3 * Math.Sin(i * 3 + j * 3)),
                Norm = [.. tasks.Select((_, i) => 2.0 + 0.3 * i)],
                Conflict = Matrix(tasks.Count, (i, j) => i == j ? 0 : 0.5 * Math.Cos(i * 5 + j)),
                ConflictLambda = 0.3,
                SignAgreement = Matrix(tasks.Count, (i, j) => i == j ? 1 : 0.5 + 0.05 * Math.Sin(i + j)),
                DroppedShare = new Dictionary<string, double> { ["embeddings"] = 0.02, ["layer 0"] = 0.011, ["layer 1"] = 0.008, ["layer 2"] = 0.009, ["layer 3"] = 0.013, ["all"] = 0.01 },
            },
            Settings = new Dictionary<string, string> { ["model"] = "data/vision8/base", ["optimizer"] = "adamw, learning rate 2e-4, decay 0.05", ["batch"] = "64", ["epochs"] = "10", ["device"] = "cpu, 4 threads" },
        };
    }

    private static MethodResult Method(IReadOnlyList<string> tasks, string name, double average, int index)
    {
        // Offsets that add up to zero, so that the average is right for any number of tasks.
        double[] offsets = [.. tasks.Select((_, i) => 12 * Math.Sin(1.7 * i + 0.1 * index))];
        double mean = offsets.Average();
        return new MethodResult
        {
            Name = name,
            Accuracy = tasks.Select((task, i) => (task, value: average + offsets[i] - mean)).ToDictionary(p => p.task, p => (double?)p.value),
            Average = average,
            Seconds = 3.25 * index,
            Steps = 240 * index,
            Examples = 15_360 * index,
            Parameters = index % 3 == 0 ? new Dictionary<string, double>() : new Dictionary<string, double> { ["lambda"] = 0.1 * index, ["rho"] = 0.99 },
            Searched = index % 3 == 1 ? ["lambda"] : [],
            Validation = index % 3 == 1 ? average + 1 : null,
        };
    }

    private static RoundSeries Series(string name, int rounds, double from, double to, double norm) => new(
        name,
        [.. Enumerable.Range(0, rounds + 1)],
        [.. Enumerable.Range(0, rounds + 1).Select(r => 240L * r / rounds)],
        [.. Enumerable.Range(0, rounds + 1).Select(r => from + (to - from) * (1 - Math.Exp(-3.0 * r / rounds)) / (1 - Math.Exp(-3.0)))],
        [.. Enumerable.Range(0, rounds + 1).Select(r => norm * Math.Sqrt((double)r / rounds))]);

    private static double[][] Matrix(int size, Func<int, int, double> value) =>
        [.. Enumerable.Range(0, size).Select(i => Enumerable.Range(0, size).Select(j => value(i, j)).ToArray())];
}
