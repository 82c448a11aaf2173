using System.Diagnostics.CodeAnalysis;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Parameters;

/// <summary>One named tensor inside a flat vector.</summary>
/// <param name="Name">The checkpoint's own name.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Offset">First element in the vector, a multiple of <see cref="ParameterLayout.Alignment"/>.</param>
public sealed record Parameter(string Name, Shape Shape, long Offset)
{
    public long Length => Shape.ElementCount;
}

/// <summary>
/// Where each parameter of a model lies in one flat float32 vector. Weights, gradients, optimizer moments
/// and differences of models share one layout, so arithmetic between models is arithmetic on whole buffers.
/// </summary>
/// <remarks>
/// Parameters lie in the ordinal order of their names, each row-major and starting on a 64-byte boundary. The gap before the next
/// parameter is zero in every vector and stays zero under every operation, so it is never live, never counted and never selected.
/// Ordinal order makes "lowest index first" among equals mean the same for every layout and every tool.
/// </remarks>
public sealed class ParameterLayout : IEquatable<ParameterLayout>
{
    /// <summary>Elements between possible starts: 64 bytes of float32.</summary>
    public const int Alignment = 16;

    private readonly Parameter[] _parameters;
    private readonly Dictionary<string, Parameter> _byName;

    /// <exception cref="ArgumentException">A name occurs twice.</exception>
    public ParameterLayout(IEnumerable<KeyValuePair<string, Shape>> shapes)
    {
        var sorted = shapes.OrderBy(s => s.Key, StringComparer.Ordinal).ToArray();
        _parameters = new Parameter[sorted.Length];
        _byName = new Dictionary<string, Parameter>(sorted.Length, StringComparer.Ordinal);
        long offset = 0;
        for (int i = 0; i < sorted.Length; i++)
        {
            var parameter = new Parameter(sorted[i].Key, sorted[i].Value, offset);
            if (!_byName.TryAdd(parameter.Name, parameter)) throw new ArgumentException($"The parameter '{parameter.Name}' occurs twice.", nameof(shapes));
            _parameters[i] = parameter;
            ParameterCount += parameter.Length;
            offset = checked((offset + parameter.Length + Alignment - 1) / Alignment * Alignment);
        }

        Length = offset;
    }

    /// <summary>In order of offset, which is the ordinal order of names.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>Elements of a vector, gaps included.</summary>
    public long Length { get; }

    /// <summary>Elements that are parameters.</summary>
    public long ParameterCount { get; }

    /// <exception cref="KeyNotFoundException">There is no such parameter.</exception>
    public Parameter this[string name] =>
        _byName.TryGetValue(name, out Parameter? parameter) ? parameter : throw new KeyNotFoundException($"There is no parameter '{name}'.");

    public bool TryGet(string name, [NotNullWhen(true)] out Parameter? parameter) => _byName.TryGetValue(name, out parameter);

    public bool Contains(string name) => _byName.ContainsKey(name);

    public bool Equals(ParameterLayout? other) =>
        ReferenceEquals(this, other)
        || (other is not null && Length == other.Length && _parameters.AsSpan().SequenceEqual(other._parameters));

    public override bool Equals(object? obj) => Equals(obj as ParameterLayout);

    public override int GetHashCode() => HashCode.Combine(_parameters.Length, Length, ParameterCount);

    /// <summary>What keeps <paramref name="other"/> from having this layout, one line a tensor; empty when nothing does.</summary>
    public IReadOnlyList<string> DifferencesFrom(ParameterLayout other)
    {
        var differences = new List<string>();
        foreach (Parameter mine in _parameters)
        {
            if (!other.TryGet(mine.Name, out Parameter? theirs)) differences.Add($"'{mine.Name}' {mine.Shape} is missing");
            else if (mine.Shape != theirs.Shape) differences.Add($"'{mine.Name}' is {theirs.Shape}, expected {mine.Shape}");
        }

        foreach (Parameter theirs in other._parameters)
        {
            if (!Contains(theirs.Name)) differences.Add($"'{theirs.Name}' {theirs.Shape} is not expected");
        }

        return differences;
    }
}
