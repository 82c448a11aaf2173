using MergeEngine.Merging.Recipes;

namespace MergeEngine.Merging.Vocabularies;

/// <summary>One model of a recipe as far as tokens go.</summary>
/// <param name="Reference">As the recipe names it.</param>
/// <param name="Directory">Where its tokenizer is.</param>
/// <param name="Vocabulary">Its own, or the one that it is taken to have.</param>
/// <param name="Rows">Rows of its embeddings: tokens with higher ids have none.</param>
internal sealed record VocabularyModel(ModelReference Reference, string Directory, Vocabulary Vocabulary, long Rows)
{
    public string Title => Reference.ToString();
}
