using MergeEngine.Tensors.Operations;

namespace MergeEngine.Models.Encoders;

/// <summary>Where the LayerNorms of a block stand.</summary>
public enum NormPlacement
{
    /// <summary>x + f(LN(x)): ViT, CLIP, GPT-2.</summary>
    Before,

    /// <summary>LN(x + f(x)): BERT, RoBERTa.</summary>
    After,
}

/// <summary>What all blocks of a stack have in common.</summary>
/// <param name="Width">Width of the residual stream.</param>
/// <param name="Heads">Attention heads; divides the width.</param>
/// <param name="MlpWidth">Width of the hidden layer between the two linear layers.</param>
/// <param name="Activation">Activation of that layer.</param>
/// <param name="Norm">Where the LayerNorms stand.</param>
/// <param name="LayerScale">True if the two branches are scaled by column (arXiv 2103.17239).</param>
/// <param name="Causal">True if a token sees only itself and those before it.</param>
internal sealed record TransformerBlockShape(
    int Width, int Heads, int MlpWidth, Activation Activation, NormPlacement Norm = NormPlacement.Before, bool LayerScale = false, bool Causal = false)
{
    public AttentionShape Attention(SampleRun run) => new(run.Samples, run.Tokens, Heads, Width / Heads, Causal);
}

/// <summary>The parameters of one block.</summary>
/// <param name="Norm1">LayerNorm of the attention half.</param>
/// <param name="QueryKeyValue">To 3·width columns: queries, keys, values.</param>
/// <param name="Projection">From the heads back to the residual stream.</param>
/// <param name="Norm2">LayerNorm of the MLP half.</param>
/// <param name="Expand">First linear layer of the MLP.</param>
/// <param name="Contract">Second linear layer of the MLP.</param>
/// <param name="AttentionScale">Layer scale of the attention branch; null for none.</param>
/// <param name="MlpScale">Layer scale of the MLP branch; null for none.</param>
internal sealed record TransformerBlockParameters(
    LayerNorm Norm1, LinearLayer QueryKeyValue, LinearLayer Projection, LayerNorm Norm2, LinearLayer Expand, LinearLayer Contract,
    Tensors.Parameters.Parameter? AttentionScale = null, Tensors.Parameters.Parameter? MlpScale = null);
