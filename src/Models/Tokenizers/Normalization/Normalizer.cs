namespace MergeEngine.Models.Tokenizers.Normalization;

/// <summary>A step that rewrites a text before it is split. Steps hold no state of a text.</summary>
internal abstract class Normalizer
{
    public abstract void Apply(TextBuffers text, DecompositionBuffer marks);
}
