using MergeEngine.Models.Tokenizers.Unicode;

namespace MergeEngine.Models.Tokenizers.Normalization;

/// <summary>Unicode's canonical forms: NFD, or NFC with <paramref name="compose"/>.</summary>
internal sealed class CanonicalNormalizer(bool compose) : Normalizer
{
    public override void Apply(TextBuffers text, DecompositionBuffer marks)
    {
        if (!compose) Decompose(text, marks);
        else if (MayChange(text)) Compose(text, marks);
    }

    /// <summary>NFD.</summary>
    public static void Decompose(TextBuffers text, DecompositionBuffer marks)
    {
        marks.Decompose(text.Points.AsSpan(TextBuffers.Start, text.Count));
        Write(text, marks);
    }

    private static bool MayChange(TextBuffers text)
    {
        foreach (int point in text.Points.AsSpan(TextBuffers.Start, text.Count))
        {
            if (CodePoints.Is(point, CodePointTraits.MayCompose)) return true;
        }

        return false;
    }

    /// <summary>
    /// NFC: a starter takes in each later mark that no mark of the same or a higher class separates from it. The change of what results
    /// tells how many code points of the text it swallowed.
    /// </summary>
    private static void Compose(TextBuffers text, DecompositionBuffer marks)
    {
        marks.Decompose(text.Points.AsSpan(TextBuffers.Start, text.Count));
        Span<int> points = marks.Points, changes = marks.Changes;
        int count = 0, starter = -1, lastClass = -1;
        for (int i = 0; i < points.Length; i++)
        {
            int point = points[i], change = changes[i], combining = CombiningClasses.Of(point);
            if (starter >= 0 && (lastClass < 0 || lastClass < combining) && Composition.Of(points[starter], point) is >= 0 and int composed)
            {
                points[starter] = composed;
                changes[starter] += change - 1;
                continue;
            }

            points[count] = point;
            changes[count] = change;
            if (combining == 0)
            {
                starter = count;
                lastClass = -1;
            }
            else
            {
                lastClass = combining;
            }

            count++;
        }

        marks.Truncate(count);
        Write(text, marks);
    }

    /// <summary>Positions from changes: 1 stands where the one before stood, 0 takes the next of the text, -n takes it and passes over n more.</summary>
    private static void Write(TextBuffers text, DecompositionBuffer marks)
    {
        ReadOnlySpan<int> points = marks.Points, changes = marks.Changes;
        text.EnsureNext(points.Length);
        int[] origins = text.Origins, next = text.NextPoints, nextOrigins = text.NextOrigins;
        int from = TextBuffers.Start, at = TextBuffers.Start;
        for (int i = 0; i < points.Length; i++, at++)
        {
            next[at] = points[i];
            int change = changes[i];
            nextOrigins[at] = origins[Math.Clamp(change > 0 ? from - 1 : from, TextBuffers.Start, text.End - 1)];
            if (change <= 0) from += 1 - change;
        }

        text.Advance(at);
    }
}
