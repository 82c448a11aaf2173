using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Experiments;

/// <summary>How one task ended.</summary>
public sealed record PretrainedTask(string Name, double TestAccuracy);

/// <summary>
/// Trains an encoder and a head for each task from nothing, on all tasks at once: a step takes one batch of every task. What comes out is
/// a checkpoint directory with <c>heads.safetensors</c> in it, the start of an experiment.
/// </summary>
public static class Pretraining
{
    /// <summary>The file with all heads, beside the model's.</summary>
    public const string HeadsName = "heads.safetensors";

    private const string Phase = "pre-training";

    /// <summary>Runs it and writes the directory.</summary>
    /// <param name="device">Where.</param>
    /// <param name="file">What.</param>
    /// <param name="output">Directory to be made.</param>
    /// <param name="options">Seed, progress, cancellation.</param>
    /// <exception cref="Models.ModelException">Model and data do not fit together.</exception>
    /// <exception cref="DivergenceException">A loss, or a weight after the last step, is not finite; nothing is written.</exception>
    public static IReadOnlyList<PretrainedTask> Run(Device device, PretrainingFile file, string output, ExperimentOptions options)
    {
        ulong seed = options.Seed ?? file.Seed;
        using VisionTransformer encoder = VisionTransformer.CreateRandom(device, file.Model, seed);
        var tasks = new List<TrainingTask>();
        try
        {
            foreach ((string name, string data) in file.Tasks) tasks.Add(Open(device, encoder, file, seed, name, data));
            Train(encoder, tasks, file.Tuning, seed, options);
            Save(encoder, tasks, output);
            return [.. tasks.Select(t => new PretrainedTask(t.Name, Evaluator.Evaluate(encoder, encoder.Parameters, t, "test", cancellation: options.Cancellation).Accuracy))];
        }
        finally
        {
            foreach (TrainingTask task in tasks) task.Head.Dispose();
        }
    }

    private static TrainingTask Open(Device device, VisionTransformer encoder, PretrainingFile file, ulong seed, string name, string data)
    {
        Dataset all = Dataset.Open(data);
        var splits = all.Splits.Select(s => s.Name == "train" && file.Samples > 0 ? new FirstSamples(s, file.Samples) : s);
        var dataset = new Dataset(all.Source, name, all.Classes, splits);
        ClassificationHead head = ClassificationHead.Random(device, all.Classes.Count, encoder.FeatureWidth, seed, name);
        head.ClassNames = all.Classes;
        var task = new TrainingTask(name, dataset, head);
        try
        {
            foreach (string split in new[] { "train", "test" }) task.Check(encoder, split);
            return task;
        }
        catch
        {
            task.Head.Dispose();
            throw;
        }
    }

    private static void Train(VisionTransformer encoder, List<TrainingTask> tasks, TuningEntry tuning, ulong seed, ExperimentOptions options)
    {
        int steps = tuning.TotalSteps(tasks);
        using var trainer = new Trainer(encoder, tuning.ToOptions(tuning.LearningRate, seed, steps) with { TrainHead = true });
        using OptimizerState state = trainer.CreateState();
        DataCursor[] cursors = [.. tasks.Select(trainer.CreateCursor)];
        for (int step = 0; step < steps; step++)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            for (int t = 0; t < tasks.Count; t++)
            {
                ReadOnlySpan<int> samples = cursors[t].Next(out int epoch);
                double loss = trainer.Accumulate(tasks[t], encoder.Parameters, samples, epoch, 1.0 / tasks.Count);
                if (!double.IsFinite(loss)) throw DivergenceException.OfLoss($"{Phase}, task {tasks[t].Name}", step + 1);
            }

            trainer.Update(encoder.Parameters, state);
            options.Progress?.Report(new ExperimentProgress(Phase, step + 1, steps, step + 1, steps));
        }

        DivergenceException.ThrowIfNotFinite(Phase, encoder.Parameters);
        foreach (TrainingTask task in tasks) DivergenceException.ThrowIfNotFinite($"{Phase}, head of task {task.Name}", task.Head.Parameters);
    }

    private static void Save(VisionTransformer encoder, List<TrainingTask> tasks, string output)
    {
        encoder.Save(output, encoder.Parameters);
        SafetensorsWriter.Write(
            Path.Combine(output, HeadsName),
            tasks.SelectMany(t => t.Head.ToTensors($"{t.Name}.")),
            new Dictionary<string, string>(tasks.SelectMany(t => t.Head.ToMetadata($"{t.Name}."))) { ["format"] = "pt" });
    }
}
