namespace MergeEngine.Models.Training;

/// <summary>The update rule.</summary>
public enum OptimizerKind
{
    /// <summary>Adam with decoupled weight decay (arXiv 1711.05101).</summary>
    AdamW,

    /// <summary>Adam with the decay in the gradient (arXiv 1412.6980).</summary>
    Adam,

    /// <summary>Stochastic gradient descent with momentum.</summary>
    Sgd,
}

/// <summary>How parameters are tuned. The same options, data and seed give the same bits.</summary>
public sealed record TrainingOptions
{
    public OptimizerKind Optimizer { get; init; } = OptimizerKind.AdamW;

    /// <summary>Before the schedule's factor.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>How the learning rate goes, by the step that the optimizer state counts.</summary>
    public Schedule Schedule { get; init; }

    public double WeightDecay { get; init; }

    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.999;

    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Momentum of SGD.</summary>
    public double Momentum { get; init; }

    /// <summary>Nesterov's form of it.</summary>
    public bool Nesterov { get; init; }

    /// <summary>Largest 2-norm of all gradients of a step together; 0 switches clipping off.</summary>
    public double ClipNorm { get; init; }

    /// <summary>Samples of a step; the last batch of an epoch has what is left.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Training images are shifted by up to so many pixels each way.</summary>
    public int Shift { get; init; }

    /// <summary>True for parameters that keep their values; null trains all.</summary>
    public Func<string, bool>? Frozen { get; init; }

    /// <summary>Seed of data order and augmentation.</summary>
    public ulong Seed { get; init; }

    /// <summary>True if heads are trained too.</summary>
    public bool TrainHead { get; init; }

    /// <summary>What is wrong with the options, as a sentence; null if nothing is.</summary>
    public string? FindFault()
    {
        if (!(LearningRate >= 0 && double.IsFinite(LearningRate))) return $"The learning rate is {LearningRate}, expected zero or more.";
        if (BatchSize < 1) return $"The batch size is {BatchSize}, expected at least 1.";
        if (!(WeightDecay >= 0 && double.IsFinite(WeightDecay))) return $"The weight decay is {WeightDecay}, expected zero or more.";
        if (!(ClipNorm >= 0)) return $"The clipping norm is {ClipNorm}, expected zero (off) or more.";
        if (!(Beta1 is >= 0 and < 1) || !(Beta2 is >= 0 and < 1)) return $"The betas are {Beta1} and {Beta2}, expected numbers from 0 to below 1.";
        if (!(Epsilon > 0)) return $"The epsilon is {Epsilon}, expected a positive number.";
        if (!(Momentum is >= 0 and < 1)) return $"The momentum is {Momentum}, expected a number from 0 to below 1.";
        if (Nesterov && Momentum == 0) return "Nesterov's form needs a momentum.";
        if (Shift < 0) return $"The shift is {Shift} pixels, expected zero or more.";
        if (Schedule.WarmupSteps < 0) return $"The warm-up has {Schedule.WarmupSteps} steps, expected zero or more.";
        if (Schedule.Kind != ScheduleKind.Constant && Schedule.TotalSteps < 1) return "A cosine or linear schedule needs the total number of steps.";
        return null;
    }
}
