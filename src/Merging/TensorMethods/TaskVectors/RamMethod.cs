using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// RAM as mergekit computes it: a model owns an element where |d_k| = |x_k − b| &gt; epsilon; output = b + mean of the owners' d_k. So a difference of one
/// owner is taken whole and shared ones are averaged; elements without an owner keep the bits of the base.
/// </summary>
public sealed class RamMethod : TensorMethod
{
    public override string Name => "ram";

    public override bool HasFloat64 => true;

    public override int Float64Arrays(int models) => models + 1;

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        return new DifferenceMerge(task, Owned(task), DifferenceRule.SharedMean, 1, rescale: false);
    }

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, Name);
        DifferenceFloat64.Merge(task, Owned(task), DifferenceRule.SharedMean, 1, 1, rescale: false, inputs, output);
    }

    /// <summary>What each model owns.</summary>
    internal static ModelDifference[] Owned(TensorTask task)
    {
        var owned = LimitThinning.Above(task.Parameters.Number("epsilon"));
        return [.. task.Parameters.Models.Select(source => new ModelDifference(source, 1, owned))];
    }
}
