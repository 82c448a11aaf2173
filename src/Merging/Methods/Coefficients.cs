using System.Globalization;

namespace MergeEngine.Merging.Methods;

/// <summary>λ of a merge: one for every task, or one for each.</summary>
public sealed class Coefficients
{
    private readonly double[] _values;

    /// <param name="values">One λ for all tasks, or one for each in their order. Negative λ takes a task out (Ilharco et al., arXiv 2212.04089).</param>
    /// <exception cref="ArgumentException">None, or one that is not a finite number.</exception>
    public Coefficients(params ReadOnlySpan<double> values)
    {
        if (values.Length == 0) throw new ArgumentException("No coefficient λ was given: expected one for all tasks, or one for each.", nameof(values));
        foreach (double value in values)
        {
            if (!double.IsFinite(value)) throw new ArgumentException($"A coefficient λ is {value}, expected a finite number.", nameof(values));
        }

        _values = values.ToArray();
    }

    public IReadOnlyList<double> Values => _values;

    public static implicit operator Coefficients(double value) => FromDouble(value);

    public static Coefficients FromDouble(double value) => new(value);

    /// <summary>The float32 weight of each of <paramref name="tasks"/> task vectors.</summary>
    /// <exception cref="ArgumentException">There are several coefficients, and not one for each task.</exception>
    internal float[] ForTasks(int tasks)
    {
        if (_values.Length != 1 && _values.Length != tasks)
            throw new ArgumentException($"{_values.Length} coefficients λ were given for {tasks} task vectors: expected one for all, or one for each.", nameof(tasks));
        var weights = new float[tasks];
        for (int k = 0; k < tasks; k++) weights[k] = (float)_values[_values.Length == 1 ? 0 : k];
        return weights;
    }

    public override string ToString() => string.Join(", ", _values.Select(v => v.ToString("0.######", CultureInfo.InvariantCulture)));
}
