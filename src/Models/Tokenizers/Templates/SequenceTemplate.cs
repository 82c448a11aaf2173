namespace MergeEngine.Models.Tokenizers.Templates;

/// <summary>What a sequence is put together of, in order.</summary>
internal sealed class SequenceTemplate
{
    private readonly TemplatePiece[] _pieces;

    public SequenceTemplate(params TemplatePiece[] pieces)
    {
        _pieces = pieces;
        SpecialCount = pieces.Count(piece => piece.Part == TemplatePart.Special);
    }

    /// <summary>How many tokens are put around the texts.</summary>
    public int SpecialCount { get; }

    public IReadOnlyList<TemplatePiece> Pieces => _pieces;

    public void Write(TokenList first, TokenList second, bool withSpecial, TokenSequence output)
    {
        foreach (TemplatePiece piece in _pieces)
        {
            switch (piece.Part)
            {
                case TemplatePart.Special when withSpecial:
                    output.Add(piece.Id, piece.TypeId, default, isSpecial: true);
                    break;
                case TemplatePart.First:
                    Copy(first, piece.TypeId, output);
                    break;
                case TemplatePart.Second:
                    Copy(second, piece.TypeId, output);
                    break;
            }
        }
    }

    private static void Copy(TokenList tokens, int typeId, TokenSequence output)
    {
        ReadOnlySpan<int> ids = tokens.Ids;
        ReadOnlySpan<TokenOffset> offsets = tokens.Offsets;
        for (int i = 0; i < ids.Length; i++) output.Add(ids[i], typeId, offsets[i]);
    }
}

/// <summary>What a piece of a template stands for.</summary>
internal enum TemplatePart
{
    Special,
    First,
    Second,
}

/// <summary>A special token, or a whole text, and its type id.</summary>
internal readonly record struct TemplatePiece(TemplatePart Part, int Id, int TypeId)
{
    public static TemplatePiece Special(int id, int typeId = 0) => new(TemplatePart.Special, id, typeId);

    public static TemplatePiece First(int typeId = 0) => new(TemplatePart.First, 0, typeId);

    public static TemplatePiece Second(int typeId) => new(TemplatePart.Second, 0, typeId);
}
