namespace MergeEngine.Models.Tokenizers.Splitting;

/// <summary>English endings that are words of their own: <c>'s 't 're 've 'm 'll 'd</c>, in lower case only.</summary>
internal static class Contractions
{
    /// <summary>Code points of the ending at an apostrophe; 0 if there is none.</summary>
    public static int LengthAt(ReadOnlySpan<int> points, int apostrophe)
    {
        if (apostrophe + 1 >= points.Length) return 0;
        int first = points[apostrophe + 1], second = apostrophe + 2 < points.Length ? points[apostrophe + 2] : 0;
        return (first, second) switch
        {
            ('s' or 't' or 'm' or 'd', _) => 2,
            ('r' or 'v', 'e') or ('l', 'l') => 3,
            _ => 0,
        };
    }
}
