namespace MergeEngine.Models.Checkpoints;

/// <summary>What the blocks of CLIP's two towers call their tensors.</summary>
internal static class ClipBlocks
{
    private static readonly string[] Parts = ["q", "k", "v"];

    /// <summary>As in transformers: queries, keys and values apart.</summary>
    /// <param name="block">What stands before the names, its dot included.</param>
    /// <param name="width">Width of the residual stream.</param>
    /// <param name="mlp">Width inside the MLP.</param>
    public static BlockNames HuggingFace(string block, long width, long mlp) => new(
        NormNames.Of($"{block}layer_norm1", width),
        [.. Parts.Select(part => LinearNames.Of($"{block}self_attn.{part}_proj", width, width))],
        LinearNames.Of($"{block}self_attn.out_proj", width, width),
        NormNames.Of($"{block}layer_norm2", width),
        LinearNames.Of($"{block}mlp.fc1", width, mlp),
        LinearNames.Of($"{block}mlp.fc2", mlp, width));

    /// <summary>As in OpenAI's CLIP and open_clip: queries, keys and values in one.</summary>
    /// <param name="block">What stands before the names, its dot included.</param>
    /// <param name="width">Width of the residual stream.</param>
    /// <param name="mlp">Width inside the MLP.</param>
    /// <param name="layerScale">True if the branches are scaled.</param>
    public static BlockNames OpenClip(string block, long width, long mlp, bool layerScale) => new(
        NormNames.Of($"{block}ln_1", width),
        [new LinearNames(new NamedTensor($"{block}attn.in_proj_weight", [3 * width, width]), new NamedTensor($"{block}attn.in_proj_bias", [3 * width]))],
        LinearNames.Of($"{block}attn.out_proj", width, width),
        NormNames.Of($"{block}ln_2", width),
        LinearNames.Of($"{block}mlp.c_fc", width, mlp),
        LinearNames.Of($"{block}mlp.c_proj", mlp, width),
        layerScale ? new NamedTensor($"{block}ls_1.gamma", [width]) : null,
        layerScale ? new NamedTensor($"{block}ls_2.gamma", [width]) : null);
}
