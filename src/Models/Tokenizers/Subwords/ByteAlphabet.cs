namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>GPT-2's alphabet: a printable character for each byte. Printable bytes stand for themselves, the others for U+0100 and on.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_characters = Build();

    public static char Of(byte value) => s_characters[value];

    /// <summary>Bytes that the character has in UTF-8.</summary>
    public static int LengthOf(byte value) => s_characters[value] < 0x80 ? 1 : 2;

    private static char[] Build()
    {
        var characters = new char[256];
        int next = 256;
        for (int value = 0; value < 256; value++)
        {
            bool isPrintable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            characters[value] = (char)(isPrintable ? value : next++);
        }

        return characters;
    }
}
