namespace MergeEngine.Tensors.Operations;

/// <summary>What a pass over K vectors v_0 … v_{K−1} adds up.</summary>
public enum SumTerms
{
    /// <summary>v_i·v_j for all j ≤ i, the Gram matrix: K(K + 1)/2 sums, that of i and j at place i(i + 1)/2 + j. Each product is exact.</summary>
    Products,

    /// <summary>v_i·v_{K−1} for i below K − 1: K − 1 sums, that of i at place i. Each product is exact.</summary>
    ProductsWithLast,

    /// <summary>v_i: K sums.</summary>
    Elements,

    /// <summary>|v_i|: K sums.</summary>
    Magnitudes,
}
