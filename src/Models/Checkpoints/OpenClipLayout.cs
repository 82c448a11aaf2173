using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// The visual tower of OpenAI's CLIP and of open_clip: fused <c>in_proj</c>, and a projection that is stored as [width, out]. Text tower
/// and scalars beside it are left alone.
/// </summary>
internal sealed class OpenClipLayout(string prefix) : VisionLayout(prefix)
{
    public override VisionFamily Family => VisionFamily.OpenClip;

    public override IReadOnlyList<string> ConfigFileNames => ["open_clip_config.json", "config.json"];

    public override VisionTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, PixelNormalization? normalization)
    {
        ConfigSection model = file.Root.Section("model_cfg") ?? file.Root;
        ConfigSection vision = model.Section("vision_cfg")
            ?? throw new ModelException($"{model.Describe("vision_cfg")}, expected the vision tower's sizes as open_clip writes them.");
        if (vision.IsList("layers")) throw new ModelException($"{vision.Describe("layers")}, which is a ResNet; expected the number of transformer layers.");
        var sizes = new VisionSizes(checkpoint, $"{Prefix}conv1.weight");
        string positions = $"{Prefix}positional_embedding", blocks = $"{Prefix}transformer.resblocks.", expand = $"{blocks}0.mlp.c_fc.weight", projection = $"{Prefix}proj";
        int width = TensorSizes.Agree(vision, "width", sizes.Width, sizes.Patches);
        int mlp = sizes.Dimension(expand, 2, 0);
        if (vision.Number("mlp_ratio") is { } ratio && Math.Truncate(width * ratio) != mlp)
            throw new ModelException($"{vision.Describe("mlp_ratio")}, which makes {Math.Truncate(width * ratio)} of a width of {width}, but tensor {Quoting.Quote(expand)} has {mlp}.");
        int headWidth = vision.Size("head_width") ?? 64;
        if (width % headWidth != 0)
            throw new ModelException($"{vision.Describe("head_width")}, and a width of {width} cannot be divided by {headWidth}, expected a divisor.");
        return Checked(
            new VisionTransformerConfig
            {
                Family = Family,
                Prefix = Prefix,
                Width = width,
                PatchSize = TensorSizes.Agree(vision, "patch_size", sizes.PatchSize, sizes.Patches),
                Layers = sizes.AgreeBlocks(vision, "layers", blocks),
                MlpWidth = mlp,
                Heads = width / headWidth,
                Image = sizes.Image(vision, "image_size", vision.ImageSize("image_size"), positions, sizes.Dimension(positions, 2, 0), 1),
                Activation = ActivationNames.OfOpenClip(model, vision),
                NormEpsilon = vision.Section("norm_kwargs")?.Number("eps") ?? 1e-5,
                PatchBias = false,
                PreNorm = sizes.Has($"{Prefix}ln_pre.weight"),
                LayerScale = sizes.Has($"{blocks}0.ls_1.gamma"),
                Pooling = ReadPooling(vision),
                ProjectionWidth = sizes.Has(projection) ? TensorSizes.Agree(model, "embed_dim", sizes.Dimension(projection, 2, 1), projection) : 0,
                Normalization = Preprocessing.FromOpenClip(file.Root, sizes.Channels) ?? normalization ?? Preprocessing.ClipDefault(sizes.Channels),
            },
            file);
    }

    public override VisionNames Names(VisionTransformerConfig config)
    {
        long width = config.Width, patch = config.PatchSize;
        return new VisionNames
        {
            Patches = new LinearNames(new NamedTensor($"{Prefix}conv1.weight", [width, config.Image.Channels, patch, patch]), null),
            ClassToken = new NamedTensor($"{Prefix}class_embedding", [width]),
            Positions = new NamedTensor($"{Prefix}positional_embedding", [config.Tokens, width]),
            PreNorm = config.PreNorm ? NormNames.Of($"{Prefix}ln_pre", width) : null,
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => ClipBlocks.OpenClip($"{Prefix}transformer.resblocks.{i}.", width, config.MlpWidth, config.LayerScale))],
            FinalNorm = NormNames.Of($"{Prefix}ln_post", width),
            Projection = config.ProjectionWidth > 0 ? new NamedTensor($"{Prefix}proj", [width, config.ProjectionWidth]) : null,
            ProjectionTransposed = true,
        };
    }

    protected override bool LeavesAlone(string name) => Prefix.Length > 0 && !name.StartsWith(Prefix, StringComparison.Ordinal);

    private static VisionPooling ReadPooling(ConfigSection vision) => vision.Text("pool_type") switch
    {
        null when vision.Flag("global_average_pool") ?? false => VisionPooling.NormThenMean,
        null or "tok" => VisionPooling.ClassToken,
        "avg" => vision.Flag("final_ln_after_pool") ?? false ? VisionPooling.MeanThenNorm : VisionPooling.NormThenMean,
        _ => throw new ModelException($"{vision.Describe("pool_type")}, expected tok or avg."),
    };
}
