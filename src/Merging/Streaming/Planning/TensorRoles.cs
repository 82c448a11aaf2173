using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>What a tensor is for, as far as its name tells: the few names that a merge must know apart.</summary>
internal static class TensorRoles
{
    private static readonly string[] s_before =
    [
        "embed", "wte", "wpe", "shared", "conv1", "cls_token", "mask_token", "reg_token", "dist_token", "pos_emb", "position_ids", "pre_layrnorm", "pre_layernorm",
        "ln_pre", "norm_pre", "rotary",
    ];

    private static readonly string[] s_tokenEmbeddings = ["embed_tokens.weight", "wte.weight", "shared.weight", "word_embeddings.weight", "tok_embeddings.weight", "embed_in.weight"];

    private static readonly (string Tied, string[] To)[] s_tied =
    [
        ("lm_head.weight", s_tokenEmbeddings), ("lm_head.decoder.weight", s_tokenEmbeddings), ("embed_out.weight", s_tokenEmbeddings),
        ("cls.predictions.decoder.weight", s_tokenEmbeddings), ("cls.predictions.decoder.bias", ["cls.predictions.bias"]), ("lm_head.decoder.bias", ["lm_head.bias"]),
        ("encoder.embed_tokens.weight", ["shared.weight"]), ("decoder.embed_tokens.weight", ["shared.weight"]),
    ];

    private static readonly string[] s_vocabulary =
    [
        .. s_tokenEmbeddings, "lm_head.weight", "lm_head.bias", "lm_head.decoder.weight", "lm_head.decoder.bias", "embed_out.weight",
        "predictions.bias", "predictions.decoder.weight", "predictions.decoder.bias", "final_logits_bias", "token_embedding.weight", "word_embedding.weight", "backbone.embeddings.weight",
        "vocab_projector.weight", "vocab_projector.bias", "generator_lm_head.weight", "generator_lm_head.bias", "lm_loss.weight", "lm_loss.bias", "output_layer.weight",
    ];

    /// <summary>Whether a tensor outside of the layers stands before them: embeddings of tokens, patches and places. All others stand behind.</summary>
    public static bool IsBeforeLayers(string name) => !name.Contains("embed_out", StringComparison.Ordinal) && s_before.Any(n => name.Contains(n, StringComparison.Ordinal));

    /// <summary>Whether dimension 0 counts the tokens of a vocabulary.</summary>
    public static bool HasRowPerToken(string name)
    {
        // Asked of every tensor: all such names end so.
        if (!name.EndsWith("weight", StringComparison.Ordinal) && !name.EndsWith("bias", StringComparison.Ordinal)) return false;
        foreach (string end in s_vocabulary)
        {
            if (EndsWithPart(name, end)) return true;
        }

        return false;
    }

    /// <summary>Ends of names of which one stands in for a tensor where it is absent, because models tie the two: the head to the embeddings. Empty for all others.</summary>
    public static IReadOnlyList<string> StandInsFor(string name) => s_tied.FirstOrDefault(t => EndsWithPart(name, t.Tied)).To ?? [];

    /// <summary>Whether a tensor is computed anew by every program that loads the model: masks, and frequencies of rotary positions.</summary>
    public static bool IsDerived(string name, DType dtype) =>
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) || name.EndsWith("attn.masked_bias", StringComparison.Ordinal)
        || (name.EndsWith("attn.bias", StringComparison.Ordinal) && !dtype.IsFloatingPoint());

    /// <summary>Whether a name ends with whole parts.</summary>
    public static bool EndsWithPart(string name, string end) =>
        name.EndsWith(end, StringComparison.Ordinal) && (name.Length == end.Length || name[name.Length - end.Length - 1] == '.');
}
