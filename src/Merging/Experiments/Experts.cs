using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Experiments;

/// <summary>One fine-tuned model for each task, and their task vectors from the pre-trained model: what every one-shot method merges.</summary>
internal sealed class Experts : IDisposable
{
    private readonly IReadOnlyList<NamedModel> _models;

    private Experts(IReadOnlyList<NamedModel> models, TaskVectors taskVectors, RowCost cost)
    {
        _models = models;
        TaskVectors = taskVectors;
        Cost = cost;
    }

    public TaskVectors TaskVectors { get; }

    /// <summary>What the tuning cost.</summary>
    public RowCost Cost { get; }

    public static Experts Tune(ExperimentContext context)
    {
        var cost = new RowCost("individual");
        IReadOnlyList<NamedModel> models = IndividualTuning.Run(context.TrainTasks, context.Start, context.Budget, context.Optimizer(), context.Tuning(cost));
        cost.Book();
        return new Experts(models, TaskVectors.FromModels("pretrained", context.Start, models), cost);
    }

    public ParameterVector Model(int task) => _models[task].Parameters;

    public void Dispose()
    {
        TaskVectors.Dispose();
        foreach (NamedModel model in _models) model.Parameters.Dispose();
    }
}
