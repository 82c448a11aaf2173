using System.Numerics.Tensors;

namespace MergeEngine.Models.Datasets;

/// <summary>Which token of a text an encoder may read alone.</summary>
public enum PooledToken
{
    /// <summary>The first one.</summary>
    First,

    /// <summary>The first one with the end token's id; the first of all where there is none.</summary>
    End,

    /// <summary>The first one with the largest id: the end token of a CLIP to whose vocabulary nothing was added.</summary>
    Largest,
}

/// <summary>Which tokens a text model can take, and how it numbers their positions.</summary>
/// <param name="Vocabulary">Rows of the table of words: ids are below it.</param>
/// <param name="Positions">Rows of the table of positions.</param>
/// <param name="TokenTypes">Rows of the table of token types; 0 where the model has none and every type is taken for 0.</param>
/// <param name="PadId">What texts are filled up with; null for 0.</param>
/// <param name="SkipsPadding">
/// False: positions count from 0, as in BERT. True: they count from PadId + 1 and pass over tokens that are the padding's, which all have the position PadId, as in RoBERTa.
/// </param>
public readonly record struct TokenLimits(int Vocabulary, int Positions, int TokenTypes, int? PadId, bool SkipsPadding)
{
    /// <summary>Which token of a text stands for the whole.</summary>
    public PooledToken PooledToken { get; init; }

    /// <summary>Of <see cref="PooledToken.End"/>; 0 otherwise.</summary>
    public int EndId { get; init; }

    /// <summary>Tokens of the longest text.</summary>
    public int MaxTokens => Positions - FirstPosition;

    private int FirstPosition => SkipsPadding ? Padding + 1 : 0;

    /// <summary>The id of the padding.</summary>
    internal int Padding => PadId ?? 0;

    /// <summary>Writes the position of every token.</summary>
    internal void NumberPositions(ReadOnlySpan<int> ids, Span<int> positions)
    {
        int next = FirstPosition;
        for (int i = 0; i < ids.Length; i++) positions[i] = SkipsPadding && ids[i] == Padding ? Padding : next++;
    }

    /// <summary>The place of the token that stands for a text.</summary>
    internal int PlaceOfPooled(ReadOnlySpan<int> ids) => PooledToken switch
    {
        PooledToken.End => Math.Max(0, ids.IndexOf(EndId)),
        PooledToken.Largest => TensorPrimitives.IndexOfMax(ids),
        _ => 0,
    };

    /// <summary>What is wrong with a text, as the end of a sentence; null if nothing is.</summary>
    public string? FindFault(ReadOnlySpan<int> ids, ReadOnlySpan<int> types)
    {
        int bad = ids.IndexOfAnyExceptInRange(0, Vocabulary - 1);
        if (bad >= 0) return $"has the id {ids[bad]} at position {bad}, expected 0 to {Vocabulary - 1} as the model's vocabulary has {Vocabulary} tokens";
        int counted = ids.Length;
        if (SkipsPadding) counted -= ids.Count(Padding);
        if (counted > MaxTokens) return $"has {counted} tokens, expected at most {MaxTokens} as the model has {Positions} positions";
        if (TokenTypes == 0) return null;
        bad = types.IndexOfAnyExceptInRange(0, TokenTypes - 1);
        return bad < 0 ? null : $"has the token type {types[bad]} at position {bad}, expected {(TokenTypes == 1 ? "0" : $"0 to {TokenTypes - 1}")}";
    }
}
