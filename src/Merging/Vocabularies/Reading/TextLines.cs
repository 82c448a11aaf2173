using System.Text;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Vocabularies.Reading;

/// <summary>Text files of a tokenizer with an entry a line.</summary>
internal static class TextLines
{
    /// <summary>Lines as <see cref="Utf8Lines"/> has them.</summary>
    /// <exception cref="VocabularyException">It is not UTF-8.</exception>
    public static string[] Read(byte[] bytes, string path)
    {
        try
        {
            return Utf8Lines.Split(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new VocabularyException($"{path}: byte {e.Index} is not UTF-8, expected a text file.", e);
        }
    }
}
