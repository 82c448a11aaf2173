namespace MergeEngine.Models.Tokenizers;

/// <summary>Where a token stands in its text, in Unicode code points; (0, 0) for tokens that stand in none.</summary>
/// <param name="Start">The first code point.</param>
/// <param name="End">One past the last.</param>
public readonly record struct TokenOffset(int Start, int End);
