using MergeEngine.Models.Checkpoints;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>The layers of a vision transformer, bound to the parameters of a layout.</summary>
internal sealed class VisionParameters
{
    public VisionParameters(VisionTransformerConfig config, VisionNames names, ParameterLayout layout)
    {
        float epsilon = (float)config.NormEpsilon;
        Patches = new LinearLayer(layout.Bind(names.Patches));
        ClassToken = names.ClassToken is null ? null : layout[names.ClassToken.Name];
        RegisterTokens = names.RegisterTokens is null ? null : layout[names.RegisterTokens.Name];
        Positions = layout[names.Positions.Name];
        PreNorm = names.PreNorm is null ? null : layout.Bind(names.PreNorm, epsilon);
        FinalNorm = layout.Bind(names.FinalNorm, epsilon);
        Projection = names.Projection is null ? null : layout[names.Projection.Name];
        ProjectionTransposed = names.ProjectionTransposed;
        var shape = new TransformerBlockShape(config.Width, config.Heads, config.MlpWidth, config.Activation, NormPlacement.Before, config.LayerScale);
        Stack = new TransformerStack(shape, [.. names.Blocks.Select(block => layout.Bind(block, epsilon))]);
    }

    public LinearLayer Patches { get; }

    public Parameter? ClassToken { get; }

    public Parameter? RegisterTokens { get; }

    public Parameter Positions { get; }

    public LayerNorm? PreNorm { get; }

    public TransformerStack Stack { get; }

    public LayerNorm FinalNorm { get; }

    public Parameter? Projection { get; }

    public bool ProjectionTransposed { get; }
}
