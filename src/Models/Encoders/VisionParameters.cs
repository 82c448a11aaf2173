using MergeEngine.Models.Checkpoints;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>The layers of a vision transformer, bound to the parameters of a layout.</summary>
internal sealed class VisionParameters
{
    public VisionParameters(VisionTransformerConfig config, VisionNames names, ParameterLayout layout)
    {
        float epsilon = (float)config.NormEpsilon;
        Patches = new LinearLayer(Bind(layout, names.Patches));
        ClassToken = names.ClassToken is null ? null : layout[names.ClassToken.Name];
        RegisterTokens = names.RegisterTokens is null ? null : layout[names.RegisterTokens.Name];
        Positions = layout[names.Positions.Name];
        PreNorm = names.PreNorm is null ? null : Bind(layout, names.PreNorm, epsilon);
        FinalNorm = Bind(layout, names.FinalNorm, epsilon);
        Projection = names.Projection is null ? null : layout[names.Projection.Name];
        ProjectionTransposed = names.ProjectionTransposed;
        var shape = new TransformerBlockShape(config.Tokens, config.Width, config.Heads, config.MlpWidth, config.Activation, NormPlacement.Before, config.LayerScale);
        Stack = new TransformerStack(shape, [.. names.Blocks.Select(block => Bind(layout, block, epsilon))]);
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

    private static TransformerBlockParameters Bind(ParameterLayout layout, BlockNames block, float epsilon) => new(
        Bind(layout, block.Norm1, epsilon),
        new LinearLayer([.. block.QueryKeyValue.Select(part => Bind(layout, part))]),
        new LinearLayer(Bind(layout, block.Projection)),
        Bind(layout, block.Norm2, epsilon),
        new LinearLayer(Bind(layout, block.Expand)),
        new LinearLayer(Bind(layout, block.Contract)),
        block.AttentionScale is null ? null : layout[block.AttentionScale.Name],
        block.MlpScale is null ? null : layout[block.MlpScale.Name]);

    private static LinearPart Bind(ParameterLayout layout, LinearNames names) => new(layout[names.Weight.Name], names.Bias is null ? null : layout[names.Bias.Name]);

    private static LayerNorm Bind(ParameterLayout layout, NormNames names, float epsilon) => new(layout[names.Weight.Name], layout[names.Bias.Name], epsilon);
}
