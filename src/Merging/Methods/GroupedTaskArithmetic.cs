using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// θ = θ_0 + Σ_k λ_kl·τ_k with a coefficient for every task k and group l of elements, and the gradient of a loss by those coefficients, ∂L/∂λ_kl =
/// ⟨∂L/∂θ, τ_k⟩ over the elements of l: what AdaMerging (Yang et al., arXiv 2310.02575, equations 4 to 6) tunes on unlabelled data.
/// </summary>
/// <remarks>
/// <see cref="Mix"/> and <see cref="Gradient"/> read every task vector once. The gradient's sums are float64 over exact products in a fixed order, the same bits on
/// every device and with any number of threads; with one coefficient a task the mix has the bits of <see cref="TaskArithmetic"/>. Neither allocates. Used by one thread at a time.
/// </remarks>
public sealed class GroupedTaskArithmetic : IDisposable
{
    /// <summary>As many as an operation takes beside the gradient, which is read once for all of them.</summary>
    private const int TasksInPass = OperationSet.MaxSumVectors - 1;

    private readonly ParameterVector _base;
    private readonly DeviceSpan<float>[] _taskVectors, _parts;
    private readonly float[] _weights;
    private readonly RunningSums?[] _sums;

    /// <param name="taskVectors">θ_0 and τ_k, which stay their owner's.</param>
    /// <param name="groups">Of their layout.</param>
    /// <exception cref="ArgumentException">The groups are those of another layout.</exception>
    public GroupedTaskArithmetic(TaskVectors taskVectors, CoefficientGroups groups)
    {
        ArgumentNullException.ThrowIfNull(taskVectors);
        ArgumentNullException.ThrowIfNull(groups);
        _base = taskVectors.Base;
        if (!groups.Layout.Equals(_base.Layout)) throw new ArgumentException("The groups of coefficients are those of another layout than the task vectors'.", nameof(groups));
        _taskVectors = [.. taskVectors.Vectors.Select(vector => vector.Values)];
        _parts = new DeviceSpan<float>[_taskVectors.Length + 1];
        _weights = new float[_taskVectors.Length];
        Groups = groups;
        TaskNames = taskVectors.Names;
        _sums = new RunningSums?[groups.Count * Passes];
        try
        {
            for (int i = 0; i < _sums.Length; i++) _sums[i] = new RunningSums(_base.Device, TasksOf(i % Passes) + 1, SumTerms.ProductsWithLast);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public CoefficientGroups Groups { get; }

    public IReadOnlyList<string> TaskNames { get; }

    /// <summary>Coefficients in all: λ of task k and group l is number k·groups + l.</summary>
    public int Count => _taskVectors.Length * Groups.Count;

    private int Passes => (_taskVectors.Length + TasksInPass - 1) / TasksInPass;

    /// <summary>θ ← θ_0 + Σ_k λ_kl·τ_k.</summary>
    /// <param name="coefficients">λ [tasks, groups].</param>
    /// <param name="merged">θ, of the task vectors' layout and device; not one of them.</param>
    /// <exception cref="ArgumentException">The coefficients are not as many as there are, one is not finite, or the vector has another layout.</exception>
    public void Mix(ReadOnlySpan<float> coefficients, ParameterVector merged)
    {
        RequireCount(coefficients.Length, nameof(coefficients));
        for (int i = 0; i < coefficients.Length; i++)
        {
            if (!float.IsFinite(coefficients[i]))
                throw new ArgumentException($"The coefficient of '{TaskNames[i / Groups.Count]}' for '{Groups.Names[i % Groups.Count]}' is {coefficients[i]}, expected a finite number.", nameof(coefficients));
        }

        _base.RequireSameLayout(merged);
        foreach ((long start, long end, int group) in Groups.Runs)
        {
            Slice(_taskVectors, start, end);
            for (int k = 0; k < _weights.Length; k++) _weights[k] = coefficients[(k * Groups.Count) + group];
            _base.Device.Operations.AddWeightedSum(
                merged.Values.Slice(start, end - start), _base.Values.Slice(start, end - start), _parts.AsSpan(0, _taskVectors.Length), _weights);
        }
    }

    /// <summary>∂L/∂λ_kl = ⟨∂L/∂θ, τ_k⟩ over the elements of group l. Waits for the device.</summary>
    /// <param name="gradient">∂L/∂θ, of the task vectors' layout and device.</param>
    /// <param name="result">[tasks, groups]; overwritten.</param>
    /// <exception cref="ArgumentException">The result has not as many elements as there are coefficients, or the gradient has another layout.</exception>
    public void Gradient(ParameterVector gradient, Span<double> result)
    {
        RequireCount(result.Length, nameof(result));
        _base.RequireSameLayout(gradient);
        foreach (RunningSums? sums in _sums) sums!.Clear();
        foreach ((long start, long end, int group) in Groups.Runs)
        {
            for (int pass = 0; pass < Passes; pass++)
            {
                int tasks = TasksOf(pass);
                Slice(_taskVectors.AsSpan(pass * TasksInPass, tasks), start, end);
                _parts[tasks] = gradient.Values.Slice(start, end - start);
                _sums[(group * Passes) + pass]!.Add(_parts.AsSpan(0, tasks + 1));
            }
        }

        for (int group = 0; group < Groups.Count; group++)
        {
            for (int pass = 0; pass < Passes; pass++)
            {
                int tasks = TasksOf(pass);
                ReadOnlySpan<double> products = _sums[(group * Passes) + pass]!.Read();
                for (int k = 0; k < tasks; k++) result[(((pass * TasksInPass) + k) * Groups.Count) + group] = products[k];
            }
        }
    }

    public void Dispose()
    {
        foreach (RunningSums? sums in _sums) sums?.Dispose();
    }

    private int TasksOf(int pass) => Math.Min(TasksInPass, _taskVectors.Length - (pass * TasksInPass));

    private void Slice(ReadOnlySpan<DeviceSpan<float>> vectors, long start, long end)
    {
        for (int k = 0; k < vectors.Length; k++) _parts[k] = vectors[k].Slice(start, end - start);
    }

    private void RequireCount(int count, string name)
    {
        if (count != Count)
            throw new ArgumentException($"There is room for {count} coefficients, expected {Count}: one for each of {TaskNames.Count} tasks and {Groups.Count} groups.", name);
    }
}
