using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// What a config says about a CLIP's text tower beside the sizes that its tensors have: in the words of transformers (<c>text_config</c>, or the
/// whole file) or in those of open_clip (<c>text_cfg</c>). Which words are used does not depend on what the tensors are called.
/// </summary>
/// <param name="Heads">Attention heads.</param>
/// <param name="Activation">In the MLP.</param>
/// <param name="NormEpsilon">ε of every LayerNorm.</param>
/// <param name="EndId">The end token's id; null for the token with the largest id.</param>
internal sealed record ClipTextSettings(int Heads, Activation Activation, double NormEpsilon, int? EndId)
{
    /// <summary>The end token's id in the first published configs, which means: look for the largest id instead.</summary>
    public const int LegacyEndId = 2;

    /// <summary>The end token's id in the vocabulary that all published CLIPs share, for configs that leave it out.</summary>
    private const int UsualEndId = 49407;

    /// <param name="file">The config.</param>
    /// <param name="found">The sizes that the tensors have.</param>
    /// <param name="tensors">Which tensors they come from.</param>
    /// <exception cref="ModelException">It contradicts the tensors, or asks for something that is not supported.</exception>
    public static ClipTextSettings Read(ConfigFile file, TextTransformerConfig found, ClipTextTensors tensors)
    {
        ConfigSection model = file.Root.Section("model_cfg") ?? file.Root;
        return model.Section("text_cfg") is { } text ? ReadOpenClip(model, text, found, tensors) : ReadHuggingFace(file.Root, found, tensors);
    }

    private static ClipTextSettings ReadHuggingFace(ConfigSection root, TextTransformerConfig found, ClipTextTensors tensors)
    {
        if (root.Text("model_type") is not (null or "clip" or "clip_text_model")) throw new ModelException($"{root.Describe("model_type")}, expected clip or clip_text_model for these tensors.");
        ConfigSection text = root.Section("text_config") ?? root;
        TensorSizes.Agree(text, "vocab_size", found.Vocabulary, tensors.Words);
        TensorSizes.Agree(text, "max_position_embeddings", found.Positions, tensors.Positions);
        TensorSizes.Agree(text, "hidden_size", found.Width, tensors.Words);
        TensorSizes.Agree(text, "intermediate_size", found.MlpWidth, tensors.Expand);
        AgreeLayers(text, "num_hidden_layers", found.Layers, tensors);
        // A whole CLIP's projection_dim stands at the top: the one in text_config is a default that nothing reads.
        if (found.ProjectionWidth > 0) TensorSizes.Agree(root.Has("projection_dim") ? root : text, "projection_dim", found.ProjectionWidth, tensors.Projection);
        int? end = text.Integer("eos_token_id");
        if (end is null && found.Vocabulary <= UsualEndId)
            throw new ModelException($"{text.Describe("eos_token_id")}, expected the end token's id among the {found.Vocabulary} tokens of the vocabulary.");
        return new ClipTextSettings(
            text.Size("num_attention_heads") ?? 8,
            ActivationNames.Parse(text, "hidden_act", Activation.GeluQuick),
            text.Number("layer_norm_eps") ?? 1e-5,
            end == LegacyEndId ? null : end ?? UsualEndId);
    }

    private static ClipTextSettings ReadOpenClip(ConfigSection model, ConfigSection text, TextTransformerConfig found, ClipTextTensors tensors)
    {
        if (text.Has("hf_model_name")) throw new ModelException($"{text.Describe("hf_model_name")}, expected a text tower of open_clip's own for these tensors.");
        if (text.Flag("no_causal_mask") == true) throw new ModelException($"{text.Describe("no_causal_mask")}, expected false: a text tower in which tokens see those behind them is not supported.");
        TensorSizes.Agree(text, "vocab_size", found.Vocabulary, tensors.Words);
        TensorSizes.Agree(text, "context_length", found.Positions, tensors.Positions);
        TensorSizes.Agree(text, "width", found.Width, tensors.Words);
        AgreeLayers(text, "layers", found.Layers, tensors);
        if (found.ProjectionWidth > 0) TensorSizes.Agree(model, "embed_dim", found.ProjectionWidth, tensors.Projection);
        if (text.Number("mlp_ratio") is { } ratio && Math.Truncate(found.Width * ratio) != found.MlpWidth)
            throw new ModelException($"{text.Describe("mlp_ratio")}, which makes {Math.Truncate(found.Width * ratio)} of a width of {found.Width}, but tensor {Quoting.Quote(tensors.Expand)} has {found.MlpWidth}.");
        return new ClipTextSettings(
            text.Size("heads") ?? 8,
            ActivationNames.OfOpenClip(model, text),
            text.Section("norm_kwargs")?.Number("eps") ?? 1e-5,
            ReadPooling(text));
    }

    private static int? ReadPooling(ConfigSection text) => text.Text("pool_type") switch
    {
        null or "argmax" => null,
        "eos" => text.Integer("eos_id") ?? throw new ModelException($"{text.Describe("eos_id")}, expected the end token's id as \"pool_type\" is \"eos\"."),
        _ => throw new ModelException($"{text.Describe("pool_type")}, expected argmax or eos."),
    };

    private static void AgreeLayers(ConfigSection text, string key, int found, ClipTextTensors tensors)
    {
        if (text.Size(key) is { } said && said != found) throw new ModelException($"{text.Describe(key)}, but the tensors {Quoting.Quote(tensors.Blocks + "…")} are of {found} blocks.");
    }
}

/// <summary>Names of the tensors that give a text tower's sizes.</summary>
/// <param name="Words">[vocabulary, width].</param>
/// <param name="Positions">[positions, width].</param>
/// <param name="Blocks">What stands before a block's number.</param>
/// <param name="Expand">[MLP width, width] of the first block.</param>
/// <param name="Projection">Columns are projected to its other side.</param>
internal sealed record ClipTextTensors(string Words, string Positions, string Blocks, string Expand, string Projection);
