namespace MergeEngine.Models.Tokenizers.Templates;

/// <summary>
/// Takes blanks off a token's span, as the reference does: counted in the token's spelling, so that after an added token a space that was only
/// put there costs the span its first code point.
/// </summary>
/// <param name="IsOn">False leaves spans alone.</param>
/// <param name="AddsPrefixSpace">The first token's space was put there and takes no place.</param>
internal readonly record struct OffsetTrimming(bool IsOn, bool AddsPrefixSpace)
{
    /// <param name="index">Which token of its text it is.</param>
    /// <param name="start">Start of the whole span.</param>
    /// <param name="end">Its end.</param>
    /// <param name="spaces">Blanks of the token's spelling.</param>
    public TokenOffset Apply(int index, int start, int end, SpaceCount spaces)
    {
        (int leading, int trailing) = spaces;
        if (!IsOn || (leading | trailing) == 0) return new TokenOffset(start, end);
        if (leading > 0)
        {
            // Of several spaces all were in the text, and go.
            if (AddsPrefixSpace && leading == 1 && (index == 0 || start == 0)) leading = 0;
            start = Math.Min(start + leading, end);
        }

        if (trailing > 0 && end >= trailing) end = Math.Max(end - trailing, start);
        return new TokenOffset(start, end);
    }
}
