using System.Globalization;

namespace MergeEngine.Merging.Experiments;

/// <summary>What an experiment ran with, for the reader of its report.</summary>
internal static class ExperimentSettings
{
    public static IReadOnlyDictionary<string, string> Of(ExperimentFile file, ExperimentContext context)
    {
        TuningEntry tuning = file.Tuning;
        string N(double number) => number.ToString("0.########", CultureInfo.InvariantCulture);
        return new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["model"] = $"{N(context.Start.Layout.ParameterCount)} parameters",
            ["optimizer"] = $"{tuning.Optimizer}, learning rate {N(tuning.LearningRate)} ({tuning.Schedule}), weight decay {N(tuning.WeightDecay)}, clipping {N(tuning.ClipNorm)}",
            ["batch size"] = N(tuning.BatchSize),
            ["budget of a task"] = $"{context.TrainTasks.Max(context.Budget.StepsFor)} steps ({tuning.Epochs} epochs)",
            ["device"] = context.Start.Device.Precision == Tensors.Precision.Float32 ? context.Start.Device.Name : $"{context.Start.Device.Name}, products of {context.Start.Device.Precision} inputs",
            ["augmentation"] = tuning.Shift == 0 ? "none" : $"shifts of up to {tuning.Shift} pixels",
            ["heads"] = file.Heads is { File: null } fitted
                ? $"logistic regression on the training features of the pre-trained model (l2 {N(fitted.L2)}), frozen, never merged"
                : "frozen, one for each task, never merged",
            ["scores"] = "accuracy on the test split in per cent; choices were made on the validation split",
        };
    }
}
