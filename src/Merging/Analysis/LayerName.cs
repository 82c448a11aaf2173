using System.Globalization;

namespace MergeEngine.Merging.Analysis;

/// <summary>Where a tensor stands in a stack of layers.</summary>
/// <param name="Stack">The name up to the layer's number, such as <c>model.layers.</c>: what all tensors of one stack share.</param>
/// <param name="Number">The layer's number.</param>
/// <param name="Rest">The name behind the number, such as <c>.mlp.up_proj.weight</c>.</param>
public readonly record struct LayerPlace(string Stack, int Number, string Rest)
{
    /// <summary>The tensor's name.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Stack}{Number}{Rest}");
}

/// <summary>
/// Which layer of a network a tensor belongs to, from its name: the first number after <c>layer</c>, <c>layers</c>, <c>block</c>, <c>blocks</c>,
/// <c>resblocks</c> or <c>h</c>, as Hugging Face, timm and OpenAI checkpoints write it.
/// </summary>
public static class LayerName
{
    /// <summary>The layer's number, or null for what stands outside the layers: embeddings, final norm, projection.</summary>
    public static int? NumberOf(string parameter) => Find(parameter)?.Number;

    /// <summary>The layer and the stack that it belongs to, or null for what stands outside the layers. Of nested layers, as in T5, the outer one counts.</summary>
    public static LayerPlace? Find(string parameter) =>
        TryFind(parameter, out int stack, out int end, out int number) ? new LayerPlace(parameter[..stack], number, parameter[end..]) : null;

    /// <summary>As <see cref="Find"/>, by places in the name.</summary>
    /// <param name="parameter">The name.</param>
    /// <param name="stack">Where the layer's number begins.</param>
    /// <param name="end">Where it ends.</param>
    /// <param name="number">The number.</param>
    internal static bool TryFind(string parameter, out int stack, out int end, out int number)
    {
        for (int start = 0, dot; (dot = parameter.IndexOf('.', start)) >= 0; start = dot + 1)
        {
            if (parameter.AsSpan(start, dot - start) is not ("layer" or "layers" or "block" or "blocks" or "resblocks" or "h")) continue;
            (stack, end) = (dot + 1, parameter.IndexOf('.', dot + 1));
            if (end < 0) end = parameter.Length;
            if (int.TryParse(parameter.AsSpan(stack, end - stack), NumberStyles.None, CultureInfo.InvariantCulture, out number)) return true;
        }

        (stack, end, number) = (0, 0, 0);
        return false;
    }
}
