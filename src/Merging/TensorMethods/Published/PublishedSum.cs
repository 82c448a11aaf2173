using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Published;

/// <summary>
/// What published task-vector methods without statistics over the whole model share: output = b + λ·Σ w_k·v_k, with v_k what a method keeps of d_k = x_k − b, divided
/// by the probability with which it is kept; or with an election λ·Σ w_k·v_k / Σ w_k over the v_k that are not 0 and have the sign of Σ v_k, + where that is 0.
/// </summary>
public abstract class PublishedSum : TensorMethod
{
    /// <summary>Whether a sign is elected.</summary>
    protected virtual bool Elects => false;

    private DifferenceRule Rule => Elects ? DifferenceRule.ElectedMean : DifferenceRule.Sum;

    public sealed override bool HasFloat64 => true;

    public override int Float64Arrays(int models) => (2 * models) + 1;

    public sealed override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return new DifferenceMerge(task, Differences(task), Rule, task.Parameters.Number("lambda"), rescale: false);
    }

    public sealed override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        DifferenceFloat64.Merge(task, Differences(task), Rule, 1, task.Parameters.Number("lambda"), rescale: false, inputs, output);
    }

    private List<ModelDifference> Differences(TensorTask task)
    {
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        var models = new List<ModelDifference>();
        foreach (int source in task.Parameters.Models)
        {
            double weight = task.Parameters.Number("weight", source);
            Thinning thinning = Thin(task, source);
            double probability = thinning.Draws ? ProbabilityOf(task, source) : 1;
            models.Add(new ModelDifference(source, weight / probability, thinning) { Weight = weight, Vote = 1 / probability });
        }

        return models;
    }

    /// <summary>What of a model's difference counts.</summary>
    private protected abstract Thinning Thin(TensorTask task, int source);

    /// <summary>The probability with which an element counts that is drawn.</summary>
    private protected virtual double ProbabilityOf(TensorTask task, int source) => 1;
}
