using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Normalization;

/// <summary>Lower case, code point by code point.</summary>
internal sealed class LowerCaseNormalizer : Normalizer
{
    public override void Apply(TextBuffers text, DecompositionBuffer marks) => LowerCaseOf(text);

    public static void LowerCaseOf(TextBuffers text)
    {
        Span<int> points = text.Points.AsSpan(TextBuffers.Start, text.Count);
        int expanding = 0;
        for (int i = 0; i < points.Length; i++)
        {
            int point = points[i];
            if (point == LowerCase.Expanding) expanding++;
            else points[i] = LowerCase.Of(point);
        }

        if (expanding > 0) Expand(text, expanding);
    }

    private static void Expand(TextBuffers text, int expanding)
    {
        text.EnsureNext((long)text.Count + expanding);
        int[] points = text.Points, origins = text.Origins, next = text.NextPoints, nextOrigins = text.NextOrigins;
        int at = TextBuffers.Start;
        for (int i = TextBuffers.Start; i < text.End; i++)
        {
            bool expands = points[i] == LowerCase.Expanding;
            next[at] = expands ? LowerCase.Expansion.First : points[i];
            nextOrigins[at++] = origins[i];
            if (!expands) continue;
            next[at] = LowerCase.Expansion.Second;
            nextOrigins[at++] = origins[i];
        }

        text.Advance(at);
    }
}
