using MergeEngine.Merging.Methods;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Analysis;

/// <summary>
/// What adding one task's vector costs another task (Sun et al., arXiv 2501.15065):
/// C[j, i] = L_j(θ_0 + λτ_i + λτ_j) − L_j(θ_0 + λτ_j). Row j is the task that is harmed, column i the vector that is added; the diagonal
/// by the same formula, θ_0 + 2λτ_j.
/// </summary>
public static class KnowledgeConflict
{
    /// <summary>C measured: K² + K evaluations.</summary>
    /// <param name="taskVectors">τ_k and θ_0.</param>
    /// <param name="lambda">λ.</param>
    /// <param name="loss">Mean loss of task j at given parameters.</param>
    /// <param name="cancellation">Checked before every evaluation.</param>
    /// <exception cref="ArgumentException">λ is not a finite number.</exception>
    public static TaskMatrix Measure(TaskVectors taskVectors, double lambda, Func<int, ParameterVector, double> loss, CancellationToken cancellation = default)
    {
        RequireFinite(lambda);
        int tasks = taskVectors.Count;
        var values = new double[tasks, tasks];
        ParameterVector origin = taskVectors.Base;
        using var point = new ParameterVector(origin.Device, origin.Layout);
        for (int j = 0; j < tasks; j++)
        {
            cancellation.ThrowIfCancellationRequested();
            var own = taskVectors.Vectors[j].Values;
            origin.Device.Operations.AddWeightedSum(point.Values, origin.Values, [own], [(float)lambda]);
            double alone = loss(j, point);
            for (int i = 0; i < tasks; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                origin.Device.Operations.AddWeightedSum(point.Values, origin.Values, [taskVectors.Vectors[i].Values, own], [(float)lambda, (float)lambda]);
                values[j, i] = loss(j, point) - alone;
            }
        }

        return new TaskMatrix("knowledge conflict", taskVectors.BaseName, taskVectors.Names, values);
    }

    /// <summary>C to first order: λ·⟨∇L_j(θ_0), τ_i⟩.</summary>
    /// <param name="taskVectors">τ_k.</param>
    /// <param name="lambda">λ.</param>
    /// <param name="gradients">∇L_j at θ_0 of every task: mean gradients, not mean absolute ones.</param>
    /// <exception cref="ArgumentException">λ is not a finite number, or there is not one gradient for each task.</exception>
    public static TaskMatrix FirstOrder(TaskVectors taskVectors, double lambda, IReadOnlyList<ParameterVector> gradients)
    {
        RequireFinite(lambda);
        int tasks = taskVectors.Count;
        if (gradients.Count != tasks) throw new ArgumentException($"{gradients.Count} gradients were given for {tasks} task vectors.", nameof(gradients));
        var values = new double[tasks, tasks];
        for (int j = 0; j < tasks; j++)
        {
            taskVectors.Base.RequireSameLayout(gradients[j]);
            for (int i = 0; i < tasks; i++)
                values[j, i] = lambda * taskVectors.Base.Device.Operations.Dot(gradients[j].Values, taskVectors.Vectors[i].Values);
        }

        return new TaskMatrix("knowledge conflict, first order", taskVectors.BaseName, taskVectors.Names, values);
    }

    private static void RequireFinite(double lambda)
    {
        if (!double.IsFinite(lambda)) throw new ArgumentException($"A coefficient λ is {lambda}, expected a finite number.", nameof(lambda));
    }
}
