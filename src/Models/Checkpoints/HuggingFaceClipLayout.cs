using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// CLIPVisionModel and CLIPVisionModelWithProjection of transformers, with and without <c>vision_model.</c> before the names, and the
/// vision tower inside a whole CLIPModel.
/// </summary>
internal sealed class HuggingFaceClipLayout(string prefix) : VisionLayout(prefix)
{
    private const string Projection = "visual_projection.weight";

    public override VisionFamily Family => VisionFamily.HuggingFaceClip;

    public override IReadOnlyList<string> ConfigFileNames => ["config.json"];

    public override VisionTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, PixelNormalization? normalization)
    {
        ConfigSection config = file.Root.Section("vision_config") ?? file.Root;
        var sizes = new VisionSizes(checkpoint, $"{Prefix}embeddings.patch_embedding.weight");
        string positions = $"{Prefix}embeddings.position_embedding.weight", expand = $"{Prefix}encoder.layers.0.mlp.fc1.weight";
        int channels = TensorSizes.Agree(config, "num_channels", sizes.Channels, sizes.Patches);
        bool projected = sizes.Has(Projection);
        return Checked(
            new VisionTransformerConfig
            {
                Family = Family,
                Prefix = Prefix,
                Width = TensorSizes.Agree(config, "hidden_size", sizes.Width, sizes.Patches),
                PatchSize = TensorSizes.Agree(config, "patch_size", sizes.PatchSize, sizes.Patches),
                Layers = sizes.AgreeBlocks(config, "num_hidden_layers", $"{Prefix}encoder.layers."),
                MlpWidth = TensorSizes.Agree(config, "intermediate_size", sizes.Dimension(expand, 2, 0), expand),
                Heads = config.Size("num_attention_heads") ?? 12,
                Image = sizes.Image(config, "image_size", config.ImageSize("image_size"), positions, sizes.Dimension(positions, 2, 0), 1),
                Activation = ActivationNames.Parse(config, "hidden_act", Activation.GeluQuick),
                NormEpsilon = config.Number("layer_norm_eps") ?? 1e-5,
                PatchBias = false,
                PreNorm = true,
                ProjectionWidth = !projected ? 0 : ProjectionWidth(file, config, sizes),
                Normalization = normalization ?? Preprocessing.ClipDefault(channels),
            },
            file);
    }

    public override VisionNames Names(VisionTransformerConfig config)
    {
        long width = config.Width, patch = config.PatchSize;
        string embeddings = $"{Prefix}embeddings.";
        return new VisionNames
        {
            Patches = new LinearNames(new NamedTensor($"{embeddings}patch_embedding.weight", [width, config.Image.Channels, patch, patch]), null),
            ClassToken = new NamedTensor($"{embeddings}class_embedding", [width]),
            Positions = new NamedTensor($"{embeddings}position_embedding.weight", [config.Tokens, width]),
            PreNorm = NormNames.Of($"{Prefix}pre_layrnorm", width),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => ClipBlocks.HuggingFace($"{Prefix}encoder.layers.{i}.", width, config.MlpWidth))],
            FinalNorm = NormNames.Of($"{Prefix}post_layernorm", width),
            Projection = config.ProjectionWidth > 0 ? new NamedTensor(Projection, [config.ProjectionWidth, width]) : null,
        };
    }

    protected override bool LeavesAlone(string name) =>
        name == $"{Prefix}embeddings.position_ids"
        || (Prefix.Length > 0 && !name.StartsWith(Prefix, StringComparison.Ordinal) && !name.StartsWith("classifier.", StringComparison.Ordinal));

    /// <summary>A whole CLIP's projection_dim stands at the top: the one in vision_config is a default that nothing reads.</summary>
    private static int ProjectionWidth(ConfigFile file, ConfigSection config, VisionSizes sizes)
    {
        ConfigSection place = file.Root.Has("projection_dim") ? file.Root : config;
        return TensorSizes.Agree(place, "projection_dim", sizes.Dimension(Projection, 2, 0), Projection);
    }
}
