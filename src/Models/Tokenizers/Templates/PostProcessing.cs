namespace MergeEngine.Models.Tokenizers.Templates;

/// <summary>What is put around texts, and what happens with blanks at the edges of tokens.</summary>
internal sealed record PostProcessing(SequenceTemplate Single, SequenceTemplate Pair, OffsetTrimming Trimming)
{
    /// <summary>Nothing is put around anything.</summary>
    public static PostProcessing None { get; } = new(new(TemplatePiece.First()), new(TemplatePiece.First(), TemplatePiece.Second(1)), default);

    /// <summary>BERT: <c>[CLS] A [SEP] B [SEP]</c>, type 1 for what belongs to B.</summary>
    public static PostProcessing Bert(int cls, int sep) => new(
        new(TemplatePiece.Special(cls), TemplatePiece.First(), TemplatePiece.Special(sep)),
        new(TemplatePiece.Special(cls), TemplatePiece.First(), TemplatePiece.Special(sep), TemplatePiece.Second(1), TemplatePiece.Special(sep, 1)),
        default);

    /// <summary>RoBERTa: <c>&lt;s&gt; A &lt;/s&gt;&lt;/s&gt; B &lt;/s&gt;</c>, all types 0.</summary>
    public static PostProcessing Roberta(int cls, int sep, OffsetTrimming trimming) => new(
        new(TemplatePiece.Special(cls), TemplatePiece.First(), TemplatePiece.Special(sep)),
        new(TemplatePiece.Special(cls), TemplatePiece.First(), TemplatePiece.Special(sep), TemplatePiece.Special(sep), TemplatePiece.Second(0), TemplatePiece.Special(sep)),
        trimming);
}
