namespace MergeEngine.Merging.Vocabularies;

/// <summary>A token that is found in a text before the tokenizer's model sees it, as <c>added_tokens</c> of tokenizer.json has it.</summary>
/// <param name="Text">What is found.</param>
/// <param name="Id">Its id.</param>
internal sealed record AddedToken(string Text, int Id)
{
    public bool SingleWord { get; init; }

    public bool LeftStrip { get; init; }

    public bool RightStrip { get; init; }

    /// <summary>Whether it is looked for in the normalized text.</summary>
    public bool Normalized { get; init; }

    /// <summary>Whether it is left out when ids become text again.</summary>
    public bool Special { get; init; }
}
