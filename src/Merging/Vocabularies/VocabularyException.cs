namespace MergeEngine.Merging.Vocabularies;

/// <summary>A tokenizer's file cannot be used: one sentence with the file, what was found and what was expected.</summary>
internal sealed class VocabularyException : IOException
{
    public VocabularyException(string message)
        : base(message)
    {
    }

    public VocabularyException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
