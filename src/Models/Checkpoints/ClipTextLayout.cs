using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>A CLIP's text tower, whatever its tensors are called.</summary>
internal abstract class ClipTextLayout(TextFamily family, string prefix) : TextLayout
{
    protected string Prefix => prefix;

    /// <summary>The tensors that give the sizes.</summary>
    protected abstract ClipTextTensors Sources { get; }

    /// <summary>Which dimension of the projection is the embedding's.</summary>
    protected abstract int ProjectionAxis { get; }

    /// <summary>Finds the text tower of a checkpoint; null where there is none.</summary>
    public static ClipTextLayout? Find(Checkpoint checkpoint)
    {
        foreach (string prefix in new[] { "text_model.", "" })
        {
            if (checkpoint.Contains($"{prefix}embeddings.token_embedding.weight") && checkpoint.Contains($"{prefix}embeddings.position_embedding.weight"))
                return new HuggingFaceClipTextLayout(prefix);
        }

        foreach (string prefix in new[] { "", "text.", "module.", "module.text." })
        {
            if (checkpoint.Contains($"{prefix}token_embedding.weight") && checkpoint.Contains($"{prefix}positional_embedding")) return new OpenClipTextLayout(prefix);
        }

        return null;
    }

    public override string Description => "a CLIP's text tower";

    public override bool Serves(TextFamily wanted) => wanted == family;

    public override TextTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, SentenceModules? modules, TextPooling? pooling)
    {
        if (pooling is not (null or TextPooling.EndOfText)) throw new ModelException($"{checkpoint.Path}: a CLIP's text tower was asked for {pooling} pooling, expected {TextPooling.EndOfText}.");
        var sizes = new TensorSizes(checkpoint);
        ClipTextTensors from = Sources;
        var found = new TextTransformerConfig
        {
            Family = family,
            Prefix = prefix,
            Vocabulary = sizes.Dimension(from.Words, 2, 0),
            Positions = sizes.Dimension(from.Positions, 2, 0),
            TokenTypes = 0,
            // No torch embedding of a CLIP has a padding_idx, and what stands behind a text's end is seen by no token that is read.
            PadId = null,
            Width = sizes.Dimension(from.Words, 2, 1),
            Layers = sizes.CountBlocks(from.Blocks),
            MlpWidth = sizes.Dimension(from.Expand, 2, 0),
            Heads = 1,
            Pooling = TextPooling.EndOfText,
            ProjectionWidth = sizes.Has(from.Projection) ? sizes.Dimension(from.Projection, 2, ProjectionAxis) : 0,
        };
        ClipTextSettings said = ClipTextSettings.Read(file, found, from);
        TextTransformerConfig config = found with { Heads = said.Heads, Activation = said.Activation, NormEpsilon = said.NormEpsilon, EndId = said.EndId };
        return config.FindFault() is { } fault ? throw new ModelException($"{file.Path}: {fault}.") : config;
    }

    public override TextTransformerConfig Rename(TextTransformerConfig config) => config with { Prefix = prefix };
}

/// <summary>CLIPTextModel and CLIPTextModelWithProjection of transformers, with and without <c>text_model.</c> before the names, and the text tower inside a whole CLIPModel.</summary>
internal sealed class HuggingFaceClipTextLayout(string prefix) : ClipTextLayout(TextFamily.Clip, prefix)
{
    private const string Projection = "text_projection.weight";

    protected override ClipTextTensors Sources => new(
        $"{Prefix}embeddings.token_embedding.weight", $"{Prefix}embeddings.position_embedding.weight", $"{Prefix}encoder.layers.", $"{Prefix}encoder.layers.0.mlp.fc1.weight", Projection);

    protected override int ProjectionAxis => 0;

    public override TextNames Names(TextTransformerConfig config)
    {
        long width = config.Width;
        return new TextNames
        {
            Words = new NamedTensor(Sources.Words, [config.Vocabulary, width]),
            Positions = new NamedTensor(Sources.Positions, [config.Positions, width]),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => ClipBlocks.HuggingFace($"{Sources.Blocks}{i}.", width, config.MlpWidth))],
            FinalNorm = NormNames.Of($"{Prefix}final_layer_norm", width),
            Projection = config.ProjectionWidth > 0 ? new NamedTensor(Projection, [config.ProjectionWidth, width]) : null,
        };
    }

    /// <summary>The other tower, and the buffer that old versions stored.</summary>
    protected override bool LeavesAlone(string name) =>
        name == $"{Prefix}embeddings.position_ids" || (Prefix.Length > 0 && !name.StartsWith(Prefix, StringComparison.Ordinal) && !name.StartsWith("text_projection.", StringComparison.Ordinal));
}

/// <summary>The text tower of OpenAI's CLIP and of open_clip: at the top of the file, or behind <c>text.</c>; the projection is stored as [width, out].</summary>
internal sealed class OpenClipTextLayout(string prefix) : ClipTextLayout(TextFamily.OpenClip, prefix)
{
    /// <summary>What stands at the top of a whole CLIP beside the text tower, when that has no prefix of its own.</summary>
    private static readonly string[] Beside = ["visual.", "logit_scale", "logit_bias", "attn_mask", "input_resolution", "context_length", "vocab_size"];

    public override IReadOnlyList<string> ConfigFileNames => ["open_clip_config.json", "config.json"];

    protected override ClipTextTensors Sources => new(
        $"{Prefix}token_embedding.weight", $"{Prefix}positional_embedding", $"{Prefix}transformer.resblocks.", $"{Prefix}transformer.resblocks.0.mlp.c_fc.weight", $"{Prefix}text_projection");

    protected override int ProjectionAxis => 1;

    public override TextNames Names(TextTransformerConfig config)
    {
        long width = config.Width;
        return new TextNames
        {
            Words = new NamedTensor(Sources.Words, [config.Vocabulary, width]),
            Positions = new NamedTensor(Sources.Positions, [config.Positions, width]),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => ClipBlocks.OpenClip($"{Sources.Blocks}{i}.", width, config.MlpWidth, layerScale: false))],
            FinalNorm = NormNames.Of($"{Prefix}ln_final", width),
            Projection = config.ProjectionWidth > 0 ? new NamedTensor(Sources.Projection, [width, config.ProjectionWidth]) : null,
            ProjectionTransposed = true,
        };
    }

    protected override bool LeavesAlone(string name) =>
        !name.StartsWith(Prefix, StringComparison.Ordinal) || Beside.Any(start => name.AsSpan(Prefix.Length).StartsWith(start, StringComparison.Ordinal));
}
