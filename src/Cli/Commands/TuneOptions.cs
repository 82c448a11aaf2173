using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Models.Training;

namespace MergeEngine.Cli.Commands;

/// <summary>The hyperparameters of <c>tune</c>.</summary>
internal static class TuneOptions
{
    private static readonly Option<int> Epochs = CommonOptions.Number("--epochs", "Passes over the training split (10).", 1, 100_000, "N");
    private static readonly Option<int> Steps = CommonOptions.Number("--steps", "Optimizer steps, instead of epochs.", 1, int.MaxValue, "N");
    private static readonly Option<string> Optimizer = CommonOptions.Choice("--optimizer", "Update rule.", required: false, "adamw", "adam", "sgd");
    private static readonly Option<double> LearningRate = Real("--learning-rate", "Learning rate.", 2e-4);
    private static readonly Option<string> Schedule = CommonOptions.Choice("--schedule", "How the learning rate goes.", required: false, "cosine", "constant", "linear");
    private static readonly Option<int> Warmup = CommonOptions.Number("--warmup", "Steps of linear warm-up (0).", 0, int.MaxValue, "STEPS");
    private static readonly Option<double> WeightDecay = Real("--weight-decay", "Decoupled for adamw.", 0.05);
    private static readonly Option<double> Momentum = Real("--momentum", "Momentum of sgd.", 0, below: 1);
    private static readonly Option<double> Clip = Real("--clip", "Largest norm of a step's gradient; 0 for no clipping.", 10);
    public static readonly Option<int> Shift = CommonOptions.Number("--shift", "Shift training images by up to so many pixels each way (0).", 0, 1024, "PIXELS");
    private static readonly Option<bool> FreezeEncoder = new("--freeze-encoder") { Description = "Train the head alone." };

    public static IEnumerable<Option> All =>
        [Epochs, Steps, ModelArguments.BatchSize, Optimizer, LearningRate, Schedule, Warmup, WeightDecay, Momentum, Clip, Shift, FreezeEncoder, CommonOptions.Seed];

    /// <param name="context">The command line.</param>
    /// <param name="samples">Samples of the training split.</param>
    /// <param name="trainHead">True if the head learns too.</param>
    /// <returns>The options, and how many steps to make.</returns>
    /// <exception cref="UsageException">They make no sense.</exception>
    public static (TrainingOptions Options, int Steps) Read(CommandContext context, int samples, bool trainHead)
    {
        if (context.Has(Steps) && context.Has(Epochs)) throw new UsageException("--steps and --epochs exclude each other.");
        int batch = ModelArguments.BatchSizeOf(context, 64);
        int epochs = context.Get(Epochs) is > 0 and int given ? given : 10;
        int steps = context.Has(Steps) ? context.Get(Steps) : checked((int)Math.Min(int.MaxValue, epochs * (((long)samples + batch - 1) / batch)));
        bool frozen = context.Get(FreezeEncoder);
        if (frozen && !trainHead) throw new UsageException("With --freeze-encoder and a head that is a constant there is nothing to train: give --head-out.");
        var options = new TrainingOptions
        {
            Optimizer = context.Get(Optimizer) switch { "adam" => OptimizerKind.Adam, "sgd" => OptimizerKind.Sgd, _ => OptimizerKind.AdamW },
            LearningRate = context.Get(LearningRate),
            Schedule = new Schedule(
                context.Get(Schedule) switch { "constant" => ScheduleKind.Constant, "linear" => ScheduleKind.Linear, _ => ScheduleKind.Cosine },
                context.Get(Warmup),
                steps),
            WeightDecay = context.Get(WeightDecay),
            Momentum = context.Get(Momentum),
            ClipNorm = context.Get(Clip),
            BatchSize = batch,
            Shift = context.Get(Shift),
            Frozen = frozen ? _ => true : null,
            Seed = context.Get(CommonOptions.Seed) ?? 0,
            TrainHead = trainHead,
        };
        return options.FindFault() is { } fault ? throw new UsageException(fault) : (options, steps);
    }

    private static Option<double> Real(string name, string description, double standard, double below = double.PositiveInfinity) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => standard,
        HelpName = "X",
        CustomParser = result => OptionValue.Parse<double>(
            result, double.IsInfinity(below) ? "a number of 0 or more" : $"a number from 0 to below {below}", value => value >= 0 && value < below) ?? 0,
    };
}
