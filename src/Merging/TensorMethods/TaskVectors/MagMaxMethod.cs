using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// MagMax (Marczak et al., arXiv 2407.06322): output = b + λ·d, with d at each position the d_k = x_k − b of largest magnitude, the first of equal ones. As published.
/// </summary>
public sealed class MagMaxMethod : TensorMethod
{
    public override string Name => "magmax";

    public override bool HasFloat64 => true;

    public override int Float64Arrays(int models) => models;

    public override TensorMerge Begin(TensorTask task) => Begin(task, Name, DifferenceRule.Largest);

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        MergeFloat64(task, Name, DifferenceRule.Largest, task.Parameters.Number("lambda"), inputs, output);
    }

    /// <summary>A merge of whole, unweighted differences by a rule, with a factor lambda.</summary>
    internal static TensorMerge Begin(TensorTask task, string method, DifferenceRule rule)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, method);
        return new DifferenceMerge(task, Differences(task), rule, task.Parameters.Number("lambda"), rescale: false);
    }

    /// <summary>The same in float64, with any factor.</summary>
    internal static void MergeFloat64(TensorTask task, string method, DifferenceRule rule, double lambda, IReadOnlyList<double[]> inputs, double[] output)
    {
        GeneralizedTaskArithmetic.RequireBase(task, method);
        DifferenceFloat64.Merge(task, Differences(task), rule, 1, lambda, rescale: false, inputs, output);
    }

    private static ModelDifference[] Differences(TensorTask task)
    {
        var whole = new NoThinning();
        return [.. task.Parameters.Models.Select(source => new ModelDifference(source, 1, whole))];
    }
}
