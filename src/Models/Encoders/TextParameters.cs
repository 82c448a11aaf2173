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
        Types = names.Types is null ? null : layout[names.Types.Name];
        EmbeddingNorm = names.EmbeddingNorm is null ? null : layout.Bind(names.EmbeddingNorm, epsilon);
        FinalNorm = names.FinalNorm is null ? null : layout.Bind(names.FinalNorm, epsilon);
        Projection = names.Projection is null ? null : layout[names.Projection.Name];
        ProjectionTransposed = names.ProjectionTransposed;
        Pooler = config.Pooling == TextPooling.Pooler ? layout.Bind(names.Pooler!) : null;
        var shape = new TransformerBlockShape(config.Width, config.Heads, config.MlpWidth, config.Activation, config.IsClip ? NormPlacement.Before : NormPlacement.After, Causal: config.IsClip);
        Stack = new TransformerStack(shape, [.. names.Blocks.Select(block => layout.Bind(block, epsilon))]);
    }

    /// <summary>[vocabulary, width].</summary>
    public Parameter Words { get; }

    /// <summary>[positions, width].</summary>
    public Parameter Positions { get; }

    /// <summary>[token types, width]; null for CLIP.</summary>
    public Parameter? Types { get; }

    /// <summary>Null for CLIP.</summary>
    public LayerNorm? EmbeddingNorm { get; }

    public TransformerStack Stack { get; }

    /// <summary>After the last block of a CLIP; null for others.</summary>
    public LayerNorm? FinalNorm { get; }

    /// <summary>[out, width], or [width, out] where <see cref="ProjectionTransposed"/>; null for none.</summary>
    public Parameter? Projection { get; }

    public bool ProjectionTransposed { get; }

    /// <summary>Null where the features do not come from it.</summary>
    public LinearPart? Pooler { get; }
}
