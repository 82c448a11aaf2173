namespace MergeEngine.Tensors.Operations;

/// <summary>
/// Sizes of multi-head attention. Queries, keys, values and outputs are matrices of Batch·Tokens rows and Heads·HeadSize columns,
/// head h in columns [h·HeadSize, (h + 1)·HeadSize); scores are scaled by 1/√HeadSize.
/// </summary>
/// <param name="Batch">Number of samples.</param>
/// <param name="Tokens">Tokens of a sample.</param>
/// <param name="Heads">Number of heads.</param>
/// <param name="HeadSize">Width of a head.</param>
/// <param name="Causal">True if a token sees only itself and the tokens before it (text tower of CLIP).</param>
public readonly record struct AttentionShape(int Batch, int Tokens, int Heads, int HeadSize, bool Causal = false)
{
    public int Rows => checked(Batch * Tokens);

    public int Width => checked(Heads * HeadSize);

    /// <summary>Number of softmax rows: Batch·Heads·Tokens, in that order of nesting.</summary>
    public long ScoreRows => (long)Batch * Heads * Tokens;

    public float Scale => (float)(1 / Math.Sqrt(HeadSize));
}
