using System.Collections;
using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// The dimensions of a tensor, outermost first. A value is always valid: no negative dimension, at most <see cref="MaxRank"/> of them,
/// and a product that fits a signed 64-bit number. The default value is a scalar's shape, <c>[]</c>. Written <c>Shape s = [2, 3];</c>.
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IReadOnlyList<long>, IEquatable<Shape>
{
    /// <summary>The largest rank: that of PyTorch and NumPy 2, so every tensor they can make is accepted.</summary>
    public const int MaxRank = 64;

    private readonly long[]? _dimensions;
    private readonly long _elements;

    /// <exception cref="ArgumentException">A negative dimension or more than <see cref="MaxRank"/> dimensions.</exception>
    /// <exception cref="OverflowException">The product of the dimensions, taken from the left, does not fit 63 bits.</exception>
    public Shape(params ReadOnlySpan<long> dimensions)
    {
        if (dimensions.Length > MaxRank)
            throw new ArgumentException($"A shape has {dimensions.Length} dimensions, expected at most {MaxRank}.", nameof(dimensions));
        foreach (long dimension in dimensions)
        {
            if (dimension < 0)
                throw new ArgumentException($"A shape has the dimension {dimension}, expected zero or more.", nameof(dimensions));
        }

        if (!TryCountElements(dimensions, out _elements))
            throw new OverflowException($"The shape [{string.Join(", ", dimensions.ToArray())}] has more elements than fit a signed 64-bit number.");
        _dimensions = dimensions.ToArray();
    }

    public static Shape Create(ReadOnlySpan<long> dimensions) => new(dimensions);

    /// <summary>The number of dimensions; 0 for a scalar.</summary>
    public int Rank => _dimensions?.Length ?? 0;

    /// <summary>The same as <see cref="Rank"/>, for the collection interfaces.</summary>
    public int Count => Rank;

    /// <summary>The product of the dimensions; 1 for a scalar.</summary>
    public long ElementCount => _dimensions is null ? 1 : _elements;

    /// <summary>The dimensions without a copy.</summary>
    public ReadOnlySpan<long> Dimensions => _dimensions;

    public long this[int index] => Dimensions[index];

    /// <summary>A dimension counted from the end too: <c>shape[^1]</c> is the innermost.</summary>
    public long this[Index index] => Dimensions[index];

    /// <summary>Multiplies from the left with an overflow check, as the reference crate does: [0, n, m] is zero whatever n and m are.</summary>
    internal static bool TryCountElements(ReadOnlySpan<long> dimensions, out long elements)
    {
        elements = 1;
        foreach (long dimension in dimensions)
        {
            Int128 product = (Int128)elements * dimension;
            if (product > long.MaxValue) return false;
            elements = (long)product;
        }

        return true;
    }

    public bool Equals(Shape other) => Dimensions.SequenceEqual(other.Dimensions);

    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (long dimension in Dimensions) hash.Add(dimension);
        return hash.ToHashCode();
    }

    public static bool operator ==(Shape left, Shape right) => left.Equals(right);
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    public IEnumerator<long> GetEnumerator() => ((IEnumerable<long>)(_dimensions ?? [])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>As PyTorch writes it: <c>[2, 3]</c>, and <c>[]</c> for a scalar.</summary>
    public override string ToString() => $"[{string.Join(", ", _dimensions ?? [])}]";
}
