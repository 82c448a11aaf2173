namespace MergeEngine.Models.Encoders;

/// <summary>
/// Where one block's activations lie in the arena. In training every block has slots of its own; in inference all blocks share one set,
/// in which a slot takes another meaning as soon as its first one is used up.
/// </summary>
/// <param name="Input">[tokens, width]: the residual stream that comes in.</param>
/// <param name="Norm1">[tokens, width]: output of the first LayerNorm.</param>
/// <param name="Norm1Statistics">Two of [tokens]; −1 when no backward pass follows, as for all that only it needs.</param>
/// <param name="QueryKeyValue">[tokens, 3·width].</param>
/// <param name="Attention">[tokens, width]: output of the heads.</param>
/// <param name="LogSumExp">[heads, tokens].</param>
/// <param name="AttentionBranch">[tokens, width] before the layer scale; −1 without one.</param>
/// <param name="Middle">[tokens, width]: input plus attention branch.</param>
/// <param name="Norm2">[tokens, width]: what the MLP reads (norm before), or unused (norm after).</param>
/// <param name="Norm2Statistics">Two of [tokens].</param>
/// <param name="PreActivation">[tokens, MLP width].</param>
/// <param name="Activated">[tokens, MLP width].</param>
/// <param name="MlpBranch">[tokens, width] before the layer scale; −1 without one.</param>
/// <param name="Sum">[tokens, width]: Norm1 plus MLP branch, what the last LayerNorm reads (norm after only).</param>
/// <param name="Output">[tokens, width]: the residual stream that goes out.</param>
internal sealed record BlockSlots(
    int Input, int Norm1, (int Mean, int InverseDeviation) Norm1Statistics, int QueryKeyValue, int Attention, int LogSumExp, int AttentionBranch, int Middle,
    int Norm2, (int Mean, int InverseDeviation) Norm2Statistics, int PreActivation, int Activated, int MlpBranch, int Sum, int Output);

/// <summary>Scratch of the backward pass, shared by all blocks.</summary>
/// <param name="Hidden">[tokens, width]: gradient of the residual stream.</param>
/// <param name="Branch">[tokens, width]: gradient of a branch's output, then of its input.</param>
/// <param name="Attention">[tokens, width]: gradient of the heads' output.</param>
/// <param name="QueryKeyValue">[tokens, 3·width].</param>
/// <param name="Mlp">[tokens, MLP width].</param>
internal sealed record GradientSlots(int Hidden, int Branch, int Attention, int QueryKeyValue, int Mlp);
