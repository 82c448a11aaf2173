using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Tensors;
using MergeEngine.Tensors.LinearAlgebra;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>How a method puts the differences of one matrix together.</summary>
/// <param name="space">The differences.</param>
/// <param name="result">[rows, columns], of undefined content: gets the merged difference, and may hold others before.</param>
internal delegate void MatrixRule(MatrixSpace space, Matrix result);

/// <summary>output = base + λ·Δ for one matrix that is merged as a whole. Tensors of other ranks get the mean of the differences, as the papers of these methods have it.</summary>
internal sealed class MatrixMerge : TensorMerge
{
    private readonly TensorTask _task;
    private readonly double _lambda;
    private readonly string _method;
    private readonly MatrixRule _rule;

    private MatrixMerge(TensorTask task, double lambda, string method, int matrices, MatrixRule rule)
    {
        (_task, _lambda, _method, _rule) = (task, lambda, method, rule);
        WorkingBytes = MatrixSpace.WorkingBytes(task.Device, (int)task.Shape[0], (int)task.Shape[1], matrices);
    }

    public override long Unit => _task.Length;

    public override long WorkingBytes { get; }

    /// <param name="task">The tensor.</param>
    /// <param name="method">For messages.</param>
    /// <param name="least">Fewest rows and columns that the rule can do something with; a smaller matrix is merged as other tensors are.</param>
    /// <param name="matrices">Matrices of that size that the rule holds beside its result.</param>
    /// <param name="rule">How matrices are merged.</param>
    /// <exception cref="ArgumentException">The tensor is larger than what can be decomposed.</exception>
    public static TensorMerge Begin(TensorTask task, string method, int least, int matrices, MatrixRule rule)
    {
        ArgumentNullException.ThrowIfNull(task);
        GeneralizedTaskArithmetic.RequireBase(task, method);
        double lambda = task.Parameters.Number("lambda");
        if (task.Shape.Rank == 2 && Math.Min(task.Shape[0], task.Shape[1]) >= Math.Max(1, least))
        {
            if (task.Length > Array.MaxLength) throw new ArgumentException($"The tensor '{task.Name}' has {task.Length} elements, and '{method}' decomposes matrices of at most {Array.MaxLength}.", nameof(task));
            return new MatrixMerge(task, lambda, method, matrices, rule);
        }

        var whole = new NoThinning();
        ModelDifference[] models = [.. task.Parameters.Models.Select(source => new ModelDifference(source, 1, whole))];
        return new DifferenceMerge(task, models, DifferenceRule.Sum, lambda / Math.Max(1, models.Length), rescale: false);
    }

    public override void Map(in TensorChunk chunk)
    {
        int rows = (int)_task.Shape[0], columns = (int)_task.Shape[1];
        var models = new DeviceSpan<float>[_task.Parameters.Models.Count];
        for (int k = 0; k < models.Length; k++) models[k] = chunk.Inputs[_task.Parameters.Models[k]];
        DeviceSpan<float> origin = chunk.Inputs[_task.Base];
        Device device = _task.Device;
        using DeviceBuffer coefficients = device.Allocate<double>(2);
        using var space = new MatrixSpace(device, models, origin, rows, columns);
        var merged = new Matrix(chunk.Output, rows, columns);
        try
        {
            if (_lambda == 0) device.Operations.Fill(merged.Data, 0);
            else _rule(space, merged);
        }
        catch (NotFiniteMatrixException e)
        {
            throw new ArgumentException($"The tensor '{_task.Name}' minus its base has values that are not finite, so it has no singular values.", e);
        }
        catch (Exception e) when (e is ArgumentException or ArithmeticException)
        {
            throw new ArgumentException($"The tensor '{_task.Name}' cannot be merged by '{_method}': {e.Message}", e);
        }

        device.Upload<double>([1, _lambda], coefficients.AsSpan<double>());
        device.Operations.CombineGroups(chunk.Output, [origin, merged.Data], coefficients.AsSpan<double>(), 1, chunk.Length);
    }
}
