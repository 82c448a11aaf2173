using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// VisionTransformer of timm: fused <c>qkv</c>, class token or mean pooling with <c>fc_norm</c>, registers, layer scale. A published config
/// often gives an architecture's name and nothing else; what the name implies is in <see cref="TimmArchitecture"/>.
/// </summary>
internal sealed class TimmLayout(string prefix) : VisionLayout(prefix)
{
    public override VisionFamily Family => VisionFamily.Timm;

    public override IReadOnlyList<string> ConfigFileNames => ["config.json"];

    public override VisionTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, PixelNormalization? normalization)
    {
        ConfigSection root = file.Root, arguments = root.Section("model_args") ?? root;
        var architecture = new TimmArchitecture(root.Text("architecture") ?? "");
        var sizes = new VisionSizes(checkpoint, $"{Prefix}patch_embed.proj.weight");
        string positions = $"{Prefix}pos_embed", classToken = $"{Prefix}cls_token", registers = $"{Prefix}reg_token", blocks = $"{Prefix}blocks.";
        string expand = $"{blocks}0.mlp.fc1.weight";
        int width = TensorSizes.Agree(arguments, "embed_dim", sizes.Width, sizes.Patches);
        int mlp = sizes.Dimension(expand, 2, 0);
        if (arguments.Number("mlp_ratio") is { } ratio && Math.Truncate(width * ratio) != mlp)
            throw new ModelException($"{arguments.Describe("mlp_ratio")}, which makes {Math.Truncate(width * ratio)} of a width of {width}, but tensor {Quoting.Quote(expand)} has {mlp}.");
        bool hasClassToken = sizes.Has(classToken);
        if (arguments.Flag("class_token") is { } said && said != hasClassToken)
            throw new ModelException($"{arguments.Describe("class_token")}, but tensor {Quoting.Quote(classToken)} is {(hasClassToken ? "there" : "missing")}.");
        int registerTokens = sizes.Has(registers) ? sizes.Dimension(registers, 3, 1) : 0;
        registerTokens = TensorSizes.Agree(arguments, "reg_tokens", registerTokens, registers, arguments.Integer("reg_tokens"));
        int prefixTokens = (hasClassToken ? 1 : 0) + registerTokens;
        int rows = sizes.Dimension(positions, 3, 1);
        var imageSize = arguments.ImageSize("img_size") ?? InputSize(root);
        bool covers = CoversPrefix(arguments, imageSize, sizes.PatchSize, rows, prefixTokens);
        int channels = TensorSizes.Agree(arguments, "in_chans", sizes.Channels, sizes.Patches);
        bool preNorm = sizes.Has($"{Prefix}norm_pre.weight");
        return Checked(
            new VisionTransformerConfig
            {
                Family = Family,
                Prefix = Prefix,
                Width = width,
                PatchSize = TensorSizes.Agree(arguments, "patch_size", sizes.PatchSize, sizes.Patches),
                Layers = sizes.AgreeBlocks(arguments, "depth", blocks),
                MlpWidth = mlp,
                Heads = arguments.Size("num_heads") ?? architecture.Heads
                    ?? throw new ModelException($"{arguments.Describe("num_heads")}, and the architecture \"{architecture.Name}\" does not tell it, expected the number of attention heads."),
                Image = sizes.Image(arguments, "img_size", imageSize, positions, rows, covers ? prefixTokens : 0),
                Activation = ActivationNames.Parse(arguments, "act_layer", architecture.Activation),
                NormEpsilon = preNorm ? 1e-5 : 1e-6,
                ClassToken = hasClassToken,
                RegisterTokens = registerTokens,
                PositionsCoverPrefix = covers,
                PatchBias = sizes.Has($"{Prefix}patch_embed.proj.bias"),
                PreNorm = preNorm,
                QkvBias = sizes.Has($"{blocks}0.attn.qkv.bias"),
                LayerScale = sizes.Has($"{blocks}0.ls1.gamma"),
                Pooling = ReadPooling(root, arguments, sizes, hasClassToken),
                Classes = sizes.Has($"{Prefix}head.weight") ? sizes.Dimension($"{Prefix}head.weight", 2, 0) : 0,
                Normalization = Preprocessing.FromTimm(root, channels) ?? normalization ?? PixelNormalization.Half(channels),
            },
            file);
    }

    public override VisionNames Names(VisionTransformerConfig config)
    {
        long width = config.Width, patch = config.PatchSize;
        LinearNames patches = LinearNames.Of($"{Prefix}patch_embed.proj", 1, width, config.PatchBias);
        return new VisionNames
        {
            Patches = patches with { Weight = patches.Weight with { Shape = [width, config.Image.Channels, patch, patch] } },
            ClassToken = config.ClassToken ? new NamedTensor($"{Prefix}cls_token", [1, 1, width]) : null,
            RegisterTokens = config.RegisterTokens > 0 ? new NamedTensor($"{Prefix}reg_token", [1, config.RegisterTokens, width]) : null,
            Positions = new NamedTensor($"{Prefix}pos_embed", [1, config.PositionsCoverPrefix ? config.Tokens : config.Patches, width]),
            PreNorm = config.PreNorm ? NormNames.Of($"{Prefix}norm_pre", width) : null,
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block(config, $"{Prefix}blocks.{i}."))],
            FinalNorm = NormNames.Of(config.Pooling == VisionPooling.MeanThenNorm ? $"{Prefix}fc_norm" : $"{Prefix}norm", width),
            Classifier = config.Classes > 0 ? LinearNames.Of($"{Prefix}head", width, config.Classes) : null,
        };
    }

    protected override bool LeavesAlone(string name) => Prefix.Length > 0 && !name.StartsWith(Prefix, StringComparison.Ordinal);

    private static (int Height, int Width)? InputSize(ConfigSection root)
    {
        ConfigSection place = root.Section("pretrained_cfg") ?? root;
        if (place.Numbers("input_size") is not { } size) return null;
        if (size.Length == 3 && size.All(s => s is >= 1 and <= 1 << 24 && s == Math.Truncate(s))) return ((int)size[1], (int)size[2]);
        throw new ModelException($"{place.Describe("input_size")}, expected channels, height and width.");
    }

    /// <summary>Whether the positions have rows for class and registers: as no_embed_class says, or as the number of rows tells.</summary>
    private static bool CoversPrefix(ConfigSection arguments, (int Height, int Width)? image, int patch, int rows, int prefixTokens)
    {
        if (arguments.Flag("no_embed_class") is { } without) return !without;
        if (image is { } size) return rows != (long)(size.Height / patch) * (size.Width / patch);
        int side = (int)Math.Sqrt(rows);
        return prefixTokens > 0 && side * side != rows;
    }

    private VisionPooling ReadPooling(ConfigSection root, ConfigSection arguments, VisionSizes sizes, bool hasClassToken)
    {
        bool normAfter = sizes.Has($"{Prefix}fc_norm.weight");
        string place = arguments.Text("global_pool") is { } said ? said : root.Text("global_pool") ?? (normAfter || !hasClassToken ? "avg" : "token");
        return place switch
        {
            "token" => VisionPooling.ClassToken,
            "avg" => normAfter ? VisionPooling.MeanThenNorm : VisionPooling.NormThenMean,
            _ => throw new ModelException($"{(arguments.Has("global_pool") ? arguments : root).Describe("global_pool")}, expected token or avg."),
        };
    }

    private static BlockNames Block(VisionTransformerConfig config, string block)
    {
        long width = config.Width, mlp = config.MlpWidth;
        return new BlockNames(
            NormNames.Of($"{block}norm1", width),
            [LinearNames.Of($"{block}attn.qkv", width, 3 * width, config.QkvBias)],
            LinearNames.Of($"{block}attn.proj", width, width),
            NormNames.Of($"{block}norm2", width),
            LinearNames.Of($"{block}mlp.fc1", width, mlp),
            LinearNames.Of($"{block}mlp.fc2", mlp, width),
            config.LayerScale ? new NamedTensor($"{block}ls1.gamma", [width]) : null,
            config.LayerScale ? new NamedTensor($"{block}ls2.gamma", [width]) : null);
    }
}

/// <summary>What the name of a timm architecture implies, such as <c>vit_base_patch16_clip_quickgelu_224</c>.</summary>
internal sealed class TimmArchitecture(string name)
{
    public string Name { get; } = name;

    /// <summary>Heads of the size in the name; null where it has none.</summary>
    public int? Heads => Name.Split('_').ElementAtOrDefault(1) switch
    {
        "tiny" => 3,
        "small" or "little" => 6,
        "medium" => 8,
        "base" => 12,
        "large" or "huge" or "giant" or "gigantic" or "so400m" => 16,
        _ => null,
    };

    public Activation Activation => Name.Contains("quickgelu", StringComparison.Ordinal) ? Activation.GeluQuick : Activation.GeluErf;
}
