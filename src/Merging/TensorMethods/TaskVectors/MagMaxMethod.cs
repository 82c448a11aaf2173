using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// MagMax (Marczak et al., arXiv 2407.06322): output = b + λ·d, with d at each position the d_k = x_k − b of largest magnitude, the first of equal ones. As published.
/// </summary>
public sealed class MagMaxMethod : TensorMethod
{
    public override string Name => "magmax";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task) => Begin(task, Name, DifferenceRule.Largest);

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        DifferenceFloat64.Merge(task, Differences(task), DifferenceRule.Largest, 1, task.Parameters.Number("lambda"), rescale: false, inputs, output);
    }

    /// <summary>A merge of whole, unweighted differences by a rule, with a factor lambda.</summary>
    internal static TensorMerge Begin(TensorTask task, string method, DifferenceRule rule)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, method);
        return new DifferenceMerge(task, Differences(task), rule, task.Parameters.Number("lambda"), rescale: false);
    }

    private static ModelDifference[] Differences(TensorTask task)
    {
        var whole = new NoThinning();
        return [.. task.Parameters.Models.Select(source => new ModelDifference(source, 1, whole))];
    }
}
