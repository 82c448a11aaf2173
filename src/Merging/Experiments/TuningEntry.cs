using MergeEngine.Merging.Yaml;
using MergeEngine.Models.Training;

namespace MergeEngine.Merging.Experiments;

/// <summary>The budget and the optimizer that every tuned model of an experiment gets.</summary>
public sealed record TuningEntry
{
    /// <summary><c>adamw</c>, <c>adam</c> or <c>sgd</c>.</summary>
    public string Optimizer { get; init; } = "adamw";

    public double LearningRate { get; init; } = 1e-5;

    /// <summary><c>constant</c>, <c>cosine</c> or <c>linear</c>.</summary>
    public string Schedule { get; init; } = "constant";

    public int WarmupSteps { get; init; }

    public double WeightDecay { get; init; } = 0.1;

    public double Momentum { get; init; }

    public int BatchSize { get; init; } = 128;

    /// <summary>Largest global gradient norm; 0 for no clipping.</summary>
    public double ClipNorm { get; init; } = 10;

    /// <summary>Largest random shift of a training image in pixels, each way.</summary>
    public int Shift { get; init; }

    public int Epochs { get; init; } = 10;

    /// <summary>Steps that count as one epoch of every task, so that tasks of different size get one budget; 0: each task's own.</summary>
    public int StepsPerEpoch { get; init; }

    /// <summary>Most steps of one task in one run: the losses of all of them are kept.</summary>
    private const int MaxSteps = 100_000_000;

    /// <summary>Steps of the whole budget: of the task with the most batches, where each has its own number.</summary>
    /// <exception cref="ArgumentException">More than anybody can wait for.</exception>
    internal int TotalSteps(IEnumerable<TrainingTask> tasks)
    {
        long perEpoch = StepsPerEpoch > 0 ? StepsPerEpoch : tasks.Max(t => ((long)t.Dataset.Require(t.Split).Count + BatchSize - 1) / BatchSize);
        return Epochs * perEpoch is var steps && steps <= MaxSteps
            ? (int)steps
            : throw new ArgumentException($"A budget of {Epochs} epochs of {perEpoch} steps is {steps} steps, expected at most {MaxSteps}.", nameof(tasks));
    }

    /// <summary>As options of a trainer.</summary>
    /// <param name="learningRate">Instead of <see cref="LearningRate"/>, for methods that search it.</param>
    /// <param name="seed">Seed of data order and augmentation.</param>
    /// <param name="totalSteps">Length of the schedule.</param>
    internal TrainingOptions ToOptions(double learningRate, ulong seed, int totalSteps) => new()
    {
        Optimizer = Optimizer switch { "adamw" => OptimizerKind.AdamW, "adam" => OptimizerKind.Adam, _ => OptimizerKind.Sgd },
        LearningRate = learningRate,
        Schedule = new Models.Training.Schedule(Schedule switch { "cosine" => ScheduleKind.Cosine, "linear" => ScheduleKind.Linear, _ => ScheduleKind.Constant }, WarmupSteps, totalSteps),
        WeightDecay = WeightDecay,
        Momentum = Momentum,
        BatchSize = BatchSize,
        ClipNorm = ClipNorm,
        Shift = Shift,
        Seed = seed,
    };

    internal static TuningEntry Read(YamlValue? value)
    {
        if (value is null) return new TuningEntry();
        YamlMapping map = value.AsMapping("'tuning'");
        var d = new TuningEntry();
        var tuning = new TuningEntry
        {
            Optimizer = map.Choice("optimizer", d.Optimizer, "adamw", "adam", "sgd"),
            LearningRate = map.Number("learning_rate", d.LearningRate, 0),
            Schedule = map.Choice("schedule", d.Schedule, "constant", "cosine", "linear"),
            WarmupSteps = (int)map.Integer("warmup_steps", d.WarmupSteps, 0, int.MaxValue),
            WeightDecay = map.Number("weight_decay", d.WeightDecay, 0),
            Momentum = map.Number("momentum", d.Momentum, 0, 0.9999),
            BatchSize = (int)map.Integer("batch_size", d.BatchSize, 1, 1 << 16),
            ClipNorm = map.Number("clip_norm", d.ClipNorm, 0),
            Shift = (int)map.Integer("shift", d.Shift, 0, 64),
            Epochs = (int)map.Integer("epochs", d.Epochs, 1, 1_000_000),
            StepsPerEpoch = (int)map.Integer("steps_per_epoch", d.StepsPerEpoch, 0, 1_000_000),
        };
        map.Finish("'tuning'");
        return tuning;
    }
}
