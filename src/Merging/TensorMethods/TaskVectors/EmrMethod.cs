using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// The unified difference of EMR (Huang et al., arXiv 2405.17461): at each position the sign of Σ d_k is elected, + where that is 0, and the d_k of largest magnitude that has it
/// is taken; output = b + λ·d. A task's mask and scale are those of its difference over the whole model, which a merge tensor by tensor
/// does not see: <c>task</c> is refused.
/// </summary>
public sealed class EmrMethod : TensorMethod
{
    public override string Name => "emr";

    public override TensorMerge Begin(TensorTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return task.Parameters.IntegerOrNull("task") is { } number
            ? throw new ArgumentException($"The scale of task {number} in 'emr' is one of the whole model, which is not found tensor by tensor: leave 'task' out for the unified difference.", nameof(task))
            : MagMaxMethod.Begin(task, Name, DifferenceRule.ElectedLargest);
    }
}
