using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>ViTModel (no prefix, perhaps a pooler) and ViTForImageClassification (<c>vit.</c>, <c>classifier</c>) of transformers.</summary>
internal sealed class HuggingFaceVitLayout(string prefix) : VisionLayout(prefix)
{
    private static readonly string[] Parts = ["query", "key", "value"];

    public override VisionFamily Family => VisionFamily.HuggingFaceVit;

    public override IReadOnlyList<string> ConfigFileNames => ["config.json"];

    public override VisionTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, PixelNormalization? normalization)
    {
        ConfigSection root = file.Root;
        var sizes = new VisionSizes(checkpoint, $"{Prefix}embeddings.patch_embeddings.projection.weight");
        string positions = $"{Prefix}embeddings.position_embeddings", expand = $"{Prefix}encoder.layer.0.intermediate.dense.weight";
        int channels = TensorSizes.Agree(root, "num_channels", sizes.Channels, sizes.Patches);
        return Checked(
            new VisionTransformerConfig
            {
                Family = Family,
                Prefix = Prefix,
                Width = TensorSizes.Agree(root, "hidden_size", sizes.Width, sizes.Patches),
                PatchSize = TensorSizes.Agree(root, "patch_size", sizes.PatchSize, sizes.Patches),
                Layers = sizes.AgreeBlocks(root, "num_hidden_layers", $"{Prefix}encoder.layer."),
                MlpWidth = TensorSizes.Agree(root, "intermediate_size", sizes.Dimension(expand, 2, 0), expand),
                Heads = root.Size("num_attention_heads") ?? 12,
                Image = sizes.Image(root, "image_size", root.ImageSize("image_size"), positions, sizes.Dimension(positions, 3, 1), 1),
                Activation = ActivationNames.Parse(root, "hidden_act", Activation.GeluErf),
                NormEpsilon = root.Number("layer_norm_eps") ?? 1e-12,
                QkvBias = root.Flag("qkv_bias") ?? sizes.Has($"{Prefix}encoder.layer.0.attention.attention.query.bias"),
                Classes = sizes.Has("classifier.weight") ? sizes.Dimension("classifier.weight", 2, 0) : 0,
                Pooler = sizes.Has($"{Prefix}pooler.dense.weight"),
                Normalization = normalization ?? PixelNormalization.Half(channels),
            },
            file);
    }

    public override VisionNames Names(VisionTransformerConfig config)
    {
        long width = config.Width, patch = config.PatchSize;
        string embeddings = $"{Prefix}embeddings.";
        LinearNames patches = LinearNames.Of($"{embeddings}patch_embeddings.projection", 1, width);
        return new VisionNames
        {
            Patches = patches with { Weight = patches.Weight with { Shape = [width, config.Image.Channels, patch, patch] } },
            ClassToken = new NamedTensor($"{embeddings}cls_token", [1, 1, width]),
            Positions = new NamedTensor($"{embeddings}position_embeddings", [1, config.Tokens, width]),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block(config, $"{Prefix}encoder.layer.{i}."))],
            FinalNorm = NormNames.Of($"{Prefix}layernorm", width),
            Classifier = config.Classes > 0 ? LinearNames.Of("classifier", width, config.Classes) : null,
            Pooler = config.Pooler ? LinearNames.Of($"{Prefix}pooler.dense", width, width) : null,
        };
    }

    protected override bool LeavesAlone(string name) =>
        (Prefix.Length > 0 && !name.StartsWith(Prefix, StringComparison.Ordinal)) || name == $"{Prefix}embeddings.mask_token";

    private static BlockNames Block(VisionTransformerConfig config, string block)
    {
        long width = config.Width, mlp = config.MlpWidth;
        return new BlockNames(
            NormNames.Of($"{block}layernorm_before", width),
            [.. Parts.Select(part => LinearNames.Of($"{block}attention.attention.{part}", width, width, config.QkvBias))],
            LinearNames.Of($"{block}attention.output.dense", width, width),
            NormNames.Of($"{block}layernorm_after", width),
            LinearNames.Of($"{block}intermediate.dense", width, mlp),
            LinearNames.Of($"{block}output.dense", mlp, width));
    }
}
