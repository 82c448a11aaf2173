using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;
using MergeEngine.Models.Training;

namespace MergeEngine.Merging.Experiments;

/// <summary>One fine-tuned model for each task, tuned here or read from a file, and their task vectors from the pre-trained model: what every one-shot method merges.</summary>
internal sealed class Experts : IDisposable
{
    private Experts(TaskVectors taskVectors, double[] accuracy)
    {
        TaskVectors = taskVectors;
        Accuracy = accuracy;
    }

    public TaskVectors TaskVectors { get; }

    /// <summary>Each model's accuracy on the test split of its own task, where the experiment lists <c>individual</c>; else nothing.</summary>
    public IReadOnlyList<double> Accuracy { get; }

    /// <param name="context">Tasks and the model to start from.</param>
    /// <param name="cost">Gets what the tuning costs, also where it ends early.</param>
    /// <exception cref="DivergenceException">A model diverges, or one that was tuned elsewhere is of no use.</exception>
    public static Experts Tune(ExperimentContext context, RowCost cost)
    {
        IReadOnlyList<NamedModel> models = context.File.Tasks[0].Tuned is null
            ? IndividualTuning.Run(context.TrainTasks, context.Start, context.Budget, context.Optimizer(), context.Tuning(cost))
            : ReadModels(context);
        try
        {
            bool scored = context.File.Methods.Any(m => m.Kind == "individual");
            double[] accuracy = scored ? [.. models.Select((model, t) => context.Accuracy(cost.Name, model.Parameters, t))] : [];
            // In the models' own memory: from here on only the task vectors are needed.
            return new Experts(TaskVectors.TakeModels("pretrained", context.Start, models), accuracy);
        }
        catch
        {
            foreach (NamedModel model in models) model.Parameters.Dispose();
            throw;
        }
    }

    /// <summary>Models that were tuned elsewhere: they cost nothing here.</summary>
    private static List<NamedModel> ReadModels(ExperimentContext context)
    {
        var models = new List<NamedModel>();
        try
        {
            foreach (TaskEntry task in context.File.Tasks)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                models.Add(new NamedModel(task.Name, context.Encoder.ReadParameters(task.Tuned!)));
            }

            return models;
        }
        catch
        {
            foreach (NamedModel model in models) model.Parameters.Dispose();
            throw;
        }
    }

    public void Dispose() => TaskVectors.Dispose();
}
