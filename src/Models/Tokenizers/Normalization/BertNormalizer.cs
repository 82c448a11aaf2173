using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Normalization;

/// <summary>
/// BERT's own steps: drop controls and make every blank a space, put spaces around ideographs, take accents off, lower case.
/// </summary>
internal sealed class BertNormalizer(bool cleanText, bool handleChinese, bool stripAccents, bool lowerCase) : Normalizer
{
    private readonly CodePointTraits _special = (cleanText ? CodePointTraits.CleanRemoved | CodePointTraits.CleanSpace : 0)
        | (handleChinese ? CodePointTraits.Chinese : 0);

    public override void Apply(TextBuffers text, DecompositionBuffer marks)
    {
        bool isPlain = Clean(text);
        if (stripAccents && !isPlain) StripAccents(text, marks);
        if (lowerCase) LowerCaseNormalizer.LowerCaseOf(text);
    }

    /// <summary>Cleaning and spaces in one pass.</summary>
    /// <returns>True if nothing is left that could decompose.</returns>
    private bool Clean(TextBuffers text)
    {
        ReadOnlySpan<int> points = text.Points.AsSpan(TextBuffers.Start, text.Count);
        ReadOnlySpan<int> origins = text.Origins.AsSpan(TextBuffers.Start, text.Count);
        text.EnsureNext(3L * points.Length);
        int[] next = text.NextPoints, nextOrigins = text.NextOrigins;
        int at = TextBuffers.Start, all = 0;
        for (int i = 0; i < points.Length; i++)
        {
            int point = points[i], origin = origins[i];
            CodePointTraits traits = CodePoints.TraitsOf(point) & _special;
            if (traits == 0)
            {
                all |= point;
            }
            else if ((traits & CodePointTraits.CleanRemoved) != 0)
            {
                continue;
            }
            else if ((traits & CodePointTraits.CleanSpace) != 0)
            {
                point = ' ';
            }
            else
            {
                all |= point;
                next[at] = ' ';
                nextOrigins[at++] = origin;
                next[at] = point;
                nextOrigins[at++] = origin;
                point = ' ';
            }

            next[at] = point;
            nextOrigins[at++] = origin;
        }

        text.Advance(at);
        return all < Decomposition.First;
    }

    private static void StripAccents(TextBuffers text, DecompositionBuffer marks)
    {
        CanonicalNormalizer.Decompose(text, marks);
        int[] points = text.Points, origins = text.Origins;
        int at = TextBuffers.Start;
        for (int i = TextBuffers.Start; i < text.End; i++)
        {
            if (CodePoints.Is(points[i], CodePointTraits.Accent)) continue;
            points[at] = points[i];
            origins[at++] = origins[i];
        }

        text.SetEnd(at);
    }
}
