using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Normalization;

/// <summary>CLIP's <c>\s+</c> → one space, which stands where the last of the run stood.</summary>
internal sealed class WhitespaceRunNormalizer : Normalizer
{
    /// <summary>The expression as files spell it.</summary>
    public const string Pattern = @"\s+";

    public override void Apply(TextBuffers text, DecompositionBuffer marks)
    {
        int[] points = text.Points, origins = text.Origins;
        int at = TextBuffers.Start;
        for (int i = TextBuffers.Start; i < text.End; i++)
        {
            bool isSpace = CodePoints.IsSpace(points[i]);
            if (isSpace && i + 1 < text.End && CodePoints.IsSpace(points[i + 1])) continue;
            points[at] = isSpace ? ' ' : points[i];
            origins[at++] = origins[i];
        }

        text.SetEnd(at);
    }
}
