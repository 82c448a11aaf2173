using MergeEngine.Models.Checkpoints;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>The layers of a text encoder, bound to the parameters of a layout.</summary>
internal sealed class TextParameters
{
    public TextParameters(TextTransformerConfig config, TextNames names, ParameterLayout layout)
    {
        float epsilon = (float)config.NormEpsilon;
        Words = layout[names.Words.Name];
        Positions = layout[names.Positions.Name];
        Types = layout[names.Types.Name];
        EmbeddingNorm = layout.Bind(names.EmbeddingNorm, epsilon);
        Pooler = config.Pooling == TextPooling.Pooler ? layout.Bind(names.Pooler!) : null;
        var shape = new TransformerBlockShape(config.Width, config.Heads, config.MlpWidth, config.Activation, NormPlacement.After);
        Stack = new TransformerStack(shape, [.. names.Blocks.Select(block => layout.Bind(block, epsilon))]);
    }

    /// <summary>[vocabulary, width].</summary>
    public Parameter Words { get; }

    /// <summary>[positions, width].</summary>
    public Parameter Positions { get; }

    /// <summary>[token types, width].</summary>
    public Parameter Types { get; }

    public LayerNorm EmbeddingNorm { get; }

    public TransformerStack Stack { get; }

    /// <summary>Null where the features do not come from it.</summary>
    public LinearPart? Pooler { get; }
}
