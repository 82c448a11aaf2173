namespace MergeEngine.Models.Tokenizers.Templates;

/// <summary>Truncation of a pair that cuts the longer text first, with the reference's rule for what is left of each.</summary>
internal static class LongestFirst
{
    /// <param name="first">Tokens of the first text.</param>
    /// <param name="second">Tokens of the second.</param>
    /// <param name="limit">Most tokens of both together.</param>
    /// <returns>Tokens that stay of each.</returns>
    public static (int First, int Second) Lengths(int first, int second, int limit)
    {
        if ((long)first + second <= limit) return (first, second);
        if (limit == 0) return (0, 0);
        bool swapped = first > second;
        int shorter = Math.Min(first, second);
        int longer = shorter > limit ? shorter : Math.Max(shorter, limit - shorter);
        if ((long)shorter + longer > limit)
        {
            shorter = limit / 2;
            longer = limit - shorter;
        }

        return swapped ? (longer, shorter) : (shorter, longer);
    }
}
