using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.LinearAlgebra;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>What methods by singular vectors have in common.</summary>
internal static class SpectralMethods
{
    /// <summary>Begins one tensor. Those that are no matrices get the mean of the differences, as the papers of these methods have it.</summary>
    /// <param name="task">The tensor.</param>
    /// <param name="method">For messages.</param>
    /// <param name="least">Fewest rows and columns that the method can do something with; a smaller matrix is merged as other tensors are.</param>
    /// <param name="matrix">Begins a matrix.</param>
    /// <exception cref="ArgumentException">There is no base, or the tensor is larger than what can be decomposed.</exception>
    public static TensorMerge Begin(TensorTask task, string method, int least, Func<TensorMerge> matrix)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, method);
        if (task.Shape.Rank == 2 && Math.Min(task.Shape[0], task.Shape[1]) >= Math.Max(1, least))
        {
            if (task.Length > Array.MaxLength) throw new ArgumentException($"The tensor '{task.Name}' has {task.Length} elements, and '{method}' decomposes matrices of at most {Array.MaxLength}.", nameof(task));
            return matrix();
        }

        var whole = new NoThinning();
        ModelDifference[] models = [.. task.Parameters.Models.Select(source => new ModelDifference(source, 1, whole))];
        return new DifferenceMerge(task, models, DifferenceRule.Sum, task.Parameters.Number("lambda") / Math.Max(1, models.Length), rescale: false);
    }

    /// <summary>Decomposes a tensor's matrices; errors name the tensor.</summary>
    /// <exception cref="ArgumentException">The matrices cannot be decomposed; one sentence.</exception>
    public static void Explain(TensorTask task, string method, Action decompose)
    {
        try
        {
            decompose();
        }
        catch (NotFiniteMatrixException e)
        {
            throw new ArgumentException($"The tensor '{task.Name}' minus its base has values that are not finite, so it has no singular values.", e);
        }
        catch (Exception e) when (e is ArgumentException or ArithmeticException)
        {
            throw new ArgumentException($"The tensor '{task.Name}' cannot be merged by '{method}': {e.Message}", e);
        }
    }

    /// <summary>output ← origin + λ·merged, rounded once; it may be one of them.</summary>
    public static void AddTo(Device device, DeviceSpan<float> output, DeviceSpan<float> origin, DeviceSpan<float> merged, double lambda)
    {
        using DeviceBuffer coefficients = device.Allocate<double>(2);
        device.Upload<double>([1, lambda], coefficients.AsSpan<double>());
        device.Operations.CombineGroups(output, [origin, merged], coefficients.AsSpan<double>(), 1, output.Length);
    }

    /// <summary>sum ← the sum of all models minus the base, in float64 and rounded once.</summary>
    public static void SumOf(Device device, DeviceSpan<float> sum, ReadOnlySpan<DeviceSpan<float>> models, DeviceSpan<float> origin)
    {
        using DeviceBuffer ones = device.Allocate<double>(models.Length + 1);
        device.Upload<double>([.. Enumerable.Repeat(1.0, models.Length), -models.Length], ones.AsSpan<double>());
        device.Operations.CombineGroups(sum, [.. models, origin], ones.AsSpan<double>(), 1, sum.Length);
    }
}
