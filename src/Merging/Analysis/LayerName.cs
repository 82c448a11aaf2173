using System.Globalization;

namespace MergeEngine.Merging.Analysis;

/// <summary>
/// Which layer of a network a tensor belongs to, from its name: the number after <c>layer</c>, <c>layers</c>, <c>blocks</c> or
/// <c>resblocks</c>, as Hugging Face, timm and OpenAI checkpoints write it.
/// </summary>
public static class LayerName
{
    /// <summary>The layer's number, or null for what stands outside the layers: embeddings, final norm, projection.</summary>
    public static int? NumberOf(string parameter)
    {
        string[] parts = parameter.Split('.');
        for (int i = 0; i + 1 < parts.Length; i++)
        {
            if (parts[i] is "layer" or "layers" or "blocks" or "resblocks" && int.TryParse(parts[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                return number;
        }

        return null;
    }
}
