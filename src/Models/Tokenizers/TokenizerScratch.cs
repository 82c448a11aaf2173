using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Subwords;

namespace MergeEngine.Models.Tokenizers;

/// <summary>What one call of an encoder writes to beside its result; grows to the longest text and is kept.</summary>
internal sealed class TokenizerScratch
{
    private int[] _text = new int[256];

    /// <summary>Code points of the text that is being encoded.</summary>
    public ReadOnlySpan<int> Text => _text.AsSpan(0, TextLength);

    public int TextLength { get; private set; }

    /// <summary>The part between two added tokens while it is normalised.</summary>
    public TextBuffers Part { get; } = new();

    public DecompositionBuffer Marks { get; } = new();

    public TokenList First { get; } = new();

    public TokenList Second { get; } = new();

    public BytePairScratch BytePairs { get; } = new();

    /// <summary>Takes UTF-16 apart. Half a surrogate pair counts as one code point, U+FFFD, as in every decoder of .NET.</summary>
    public void Decode(ReadOnlySpan<char> text)
    {
        Buffers.Ensure(ref _text, text.Length);
        Span<int> points = _text.AsSpan(0, text.Length);
        int count = 0;
        for (int i = 0; i < text.Length; i++)
        {
            int unit = text[i];
            if (char.IsSurrogate((char)unit))
            {
                if (i + 1 < text.Length && char.IsSurrogatePair((char)unit, text[i + 1])) unit = char.ConvertToUtf32((char)unit, text[++i]);
                else unit = 0xFFFD;
            }

            points[count++] = unit;
        }

        TextLength = count;
    }
}
