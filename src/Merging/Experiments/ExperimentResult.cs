using System.Text.Json.Serialization;

namespace MergeEngine.Merging.Experiments;

/// <summary>What an experiment found: a row for each method, and what is known about the task vectors. Serialised as <c>results.json</c>.</summary>
/// <remarks>Everything but the seconds is the same, bit for bit, for the same inputs and seed.</remarks>
public sealed record ExperimentResult
{
    /// <summary>Name of the experiment, from its file.</summary>
    public required string Name { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>Task names, in the order of the file.</summary>
    public required IReadOnlyList<string> Tasks { get; init; }

    public required IReadOnlyList<MethodResult> Methods { get; init; }

    /// <summary>Methods at one common coefficient, none of them searched: what the mask alone changes. Null when not asked for.</summary>
    public FixedCoefficientResult? FixedCoefficient { get; init; }

    /// <summary>Test accuracy after each round, for methods that go in rounds.</summary>
    public IReadOnlyList<RoundSeries> Rounds { get; init; } = [];

    /// <summary>What is known about the task vectors; null when not asked for, or where an individual model has diverged.</summary>
    public TaskVectorAnalysis? Analysis { get; init; }

    /// <summary>Why there is no analysis although it was asked for, in one sentence; null otherwise.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AnalysisDiverged { get; init; }

    /// <summary>What the experiment ran with, for the reader: name and value.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}

/// <summary>One row: how one method did on every task.</summary>
public sealed record MethodResult
{
    /// <summary>For example <c>task-arithmetic</c> or <c>atm-10x1</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Test accuracy in per cent, by task name; null for every task where the row has diverged.</summary>
    public required IReadOnlyDictionary<string, double?> Accuracy { get; init; }

    /// <summary>Mean of the accuracies over tasks, in per cent; null where the row has diverged.</summary>
    public required double? Average { get; init; }

    /// <summary>
    /// Where training diverged, in one sentence that names the row, the task and the step: of this row, or of the one whose models it merges or
    /// goes on from. Null for a row with figures.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Diverged { get; init; }

    /// <summary>Seconds, the tuning that the method starts from included; until it diverged, as steps and examples.</summary>
    public required double Seconds { get; init; }

    /// <summary>Optimizer steps that each task's data took part in, those of the models that are merged included: the budget of a task.</summary>
    public required long Steps { get; init; }

    /// <summary>Training examples that those steps saw, over all tasks.</summary>
    public long Examples { get; init; }

    /// <summary>Chosen hyperparameters, for example lambda and rho; those that were searched are named in <see cref="Searched"/>.</summary>
    public IReadOnlyDictionary<string, double> Parameters { get; init; } = new Dictionary<string, double>();

    /// <summary>Names of the hyperparameters that were chosen on the validation split.</summary>
    public IReadOnlyList<string> Searched { get; init; } = [];

    /// <summary>Mean validation accuracy of the choice, when something was searched.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Validation { get; init; }
}

/// <summary>Rows at one coefficient for all methods.</summary>
public sealed record FixedCoefficientResult(double Lambda, IReadOnlyList<MethodResult> Methods);

/// <summary>How an alternating method went: one entry for the start and for some of its rounds, the last always among them.</summary>
/// <param name="Method">Name of the row.</param>
/// <param name="Round">Number of the round; 0 is the start.</param>
/// <param name="Steps">Optimizer steps of each task up to there.</param>
/// <param name="Average">Mean test accuracy over tasks, in per cent.</param>
/// <param name="Norm">Distance of the merged model from the pre-trained one.</param>
public sealed record RoundSeries(string Method, IReadOnlyList<int> Round, IReadOnlyList<long> Steps, IReadOnlyList<double> Average, IReadOnlyList<double> Norm);

/// <summary>Task vectors of the individual models, all taken from the base named here.</summary>
public sealed record TaskVectorAnalysis
{
    /// <summary>The model that the task vectors were taken from.</summary>
    public required string Base { get; init; }

    /// <summary>[task][task] cosine of τ_i and τ_j.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> Cosine { get; init; }

    /// <summary>‖τ_i‖₂.</summary>
    public required IReadOnlyList<double> Norm { get; init; }

    /// <summary>[j][i] L_j(θ + λτ_i + λτ_j) − L_j(θ + λτ_j): what merging task i costs task j, in nats.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> Conflict { get; init; }

    /// <summary>λ of <see cref="Conflict"/>.</summary>
    public required double ConflictLambda { get; init; }

    /// <summary>[task][task] share of equal signs among coordinates where both are not zero.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> SignAgreement { get; init; }

    /// <summary>Share of live coordinates that the trust region drops, by layer; key <c>all</c> for the whole model.</summary>
    public IReadOnlyDictionary<string, double> DroppedShare { get; init; } = new Dictionary<string, double>();

    /// <summary>ρ of <see cref="DroppedShare"/>; null where there is no TATR row.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? DroppedRho { get; init; }
}
