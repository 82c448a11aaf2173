using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>
/// A merge of K vectors v_k that is a sum Σ_k s_k·v_k, with shares that depend on nothing but lengths and angles: the iteration of a barycentre too stays in the
/// space that the vectors span, so their Gram matrix is all it has to see, and the data is read once for it.
/// </summary>
/// <param name="gram">v_i·v_j for all pairs.</param>
/// <param name="shares">The shares, one for each vector.</param>
internal delegate void Weighing(GramMatrix gram, Span<double> shares);

/// <summary>The dot products of K vectors.</summary>
/// <param name="products">Those of i and j ≤ i at place (i(i + 1)/2 + j)·stride.</param>
/// <param name="count">K.</param>
/// <param name="stride">1, or the number of columns that have matrices of their own.</param>
internal readonly ref struct GramMatrix(ReadOnlySpan<double> products, int count, int stride = 1)
{
    private readonly ReadOnlySpan<double> _products = products;

    public int Count { get; } = count;

    public double this[int i, int j] => _products[RunningSums.PairIndex(i, j) * stride];

    /// <summary>Length of vector <paramref name="i"/>.</summary>
    public double Norm(int i) => Math.Sqrt(this[i, i]);

    /// <summary>Cosine of the angle between two vectors that are not zero. Exactly ±1 for equal and for opposite vectors.</summary>
    public double Cosine(int i, int j)
    {
        double product = this[i, j], first = this[i, i], second = this[j, j];
        if (first == second && Math.Abs(product) == first) return Math.Sign(product);
        return Math.Clamp(product / (Math.Sqrt(first) * Math.Sqrt(second)), -1, 1);
    }

    /// <summary>(Σ a_k v_k)·v_i.</summary>
    public double Dot(ReadOnlySpan<double> a, int i)
    {
        double sum = 0;
        for (int k = 0; k < Count; k++) sum += a[k] * this[k, i];
        return sum;
    }

    /// <summary>Length of Σ a_k v_k.</summary>
    public double Norm(ReadOnlySpan<double> a)
    {
        double square = 0;
        for (int i = 0; i < Count; i++) square += a[i] * Dot(a, i);
        return Math.Sqrt(Math.Max(0, square));
    }
}
