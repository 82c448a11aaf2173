using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;

namespace MergeEngine.Merging.Experiments;

/// <summary>One fine-tuned model for each task, and their task vectors from the pre-trained model: what every one-shot method merges.</summary>
internal sealed class Experts : IDisposable
{
    private Experts(TaskVectors taskVectors, double[] accuracy, RowCost cost)
    {
        TaskVectors = taskVectors;
        Accuracy = accuracy;
        Cost = cost;
    }

    public TaskVectors TaskVectors { get; }

    /// <summary>Each model's accuracy on the test split of its own task, where the experiment lists <c>individual</c>; else nothing.</summary>
    public IReadOnlyList<double> Accuracy { get; }

    /// <summary>What the tuning cost.</summary>
    public RowCost Cost { get; }

    public static Experts Tune(ExperimentContext context)
    {
        var cost = new RowCost("individual");
        IReadOnlyList<NamedModel> models = IndividualTuning.Run(context.TrainTasks, context.Start, context.Budget, context.Optimizer(), context.Tuning(cost));
        try
        {
            cost.Book();
            bool scored = context.File.Methods.Any(m => m.Kind == "individual");
            double[] accuracy = scored ? [.. models.Select((model, t) => context.Accuracy(model.Parameters, t, "test"))] : [];
            // In the models' own memory: from here on only the task vectors are needed.
            return new Experts(TaskVectors.TakeModels("pretrained", context.Start, models), accuracy, cost);
        }
        catch
        {
            foreach (NamedModel model in models) model.Parameters.Dispose();
            throw;
        }
    }

    public void Dispose() => TaskVectors.Dispose();
}
