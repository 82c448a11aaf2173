using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// The names and shapes that one family of vision checkpoints has, both ways: from a file to a config, and from a config to the tensors it
/// needs. Which family a file is of is seen from its names.
/// </summary>
internal abstract class VisionLayout
{
    protected VisionLayout(string prefix) => Prefix = prefix;

    public string Prefix { get; }

    public abstract VisionFamily Family { get; }

    /// <summary>Names that a config file has beside the weights, the likeliest first.</summary>
    public abstract IReadOnlyList<string> ConfigFileNames { get; }

    /// <summary>Whether a checkpoint has a vision encoder, or something that stands in the place of one.</summary>
    /// <exception cref="SafetensorsException">It cannot be read.</exception>
    public static bool Matches(string path)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        return Recognize(checkpoint) is not null || checkpoint.Names.Any(name => name.Contains("visual.", StringComparison.Ordinal));
    }

    /// <summary>Finds the layout of a checkpoint.</summary>
    /// <exception cref="ModelException">None of the known ones.</exception>
    public static VisionLayout Detect(Checkpoint checkpoint)
    {
        if (Recognize(checkpoint) is { } layout) return layout;
        string? trunk = checkpoint.Names.FirstOrDefault(name => name.Contains("visual.trunk.", StringComparison.Ordinal));
        if (trunk is not null)
            throw new ModelException($"{checkpoint.Path}: tensor {Quoting.Quote(trunk)} belongs to a timm trunk inside open_clip, which is not supported.");
        if (TextLayout.Recognize(checkpoint) is { } text)
            throw new ModelException($"{checkpoint.Path}: the tensors are those of {text.Description}, expected those of a vision transformer: a Hugging Face ViT, a CLIP tower or a timm VisionTransformer.");
        throw new ModelException(
            $"{checkpoint.Path}: the tensors are not those of a Hugging Face ViT, a CLIP tower (Hugging Face, OpenAI, open_clip) or a timm VisionTransformer, nor those of a BERT or RoBERTa; "
            + $"there is {(checkpoint.Names.Count == 0 ? "none" : Quoting.QuoteSome(checkpoint.Names.ToArray(), 4))}.");
    }

    /// <summary>The layout of a config.</summary>
    public static VisionLayout Of(VisionTransformerConfig config) => config.Family switch
    {
        VisionFamily.HuggingFaceVit => new HuggingFaceVitLayout(config.Prefix),
        VisionFamily.HuggingFaceClip => new HuggingFaceClipLayout(config.Prefix),
        VisionFamily.OpenClip => new OpenClipLayout(config.Prefix),
        VisionFamily.Timm => new TimmLayout(config.Prefix),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config.Family, "Unknown family."),
    };

    /// <summary>Puts config and tensor shapes together; sizes that the config lacks come from the shapes.</summary>
    /// <exception cref="ModelException">They contradict each other, or ask for something that is not supported.</exception>
    public abstract VisionTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, PixelNormalization? normalization);

    /// <summary>The tensors of a config.</summary>
    public abstract VisionNames Names(VisionTransformerConfig config);

    /// <summary>True for a tensor that is neither the encoder's nor the classifier's and changes no feature.</summary>
    protected abstract bool LeavesAlone(string name);

    /// <summary>Every tensor is there with its shape, and nothing is there that the encoder would have to run but cannot.</summary>
    /// <exception cref="ModelException">Lists what is wrong.</exception>
    public void Check(Checkpoint checkpoint, VisionNames names) =>
        LayoutCheck.Require(checkpoint, names.EncoderTensors().Concat(names.OtherTensors()), LeavesAlone, $"{Family}");

    /// <summary>The checked config; the fault's sentence begins with the config file.</summary>
    protected static VisionTransformerConfig Checked(VisionTransformerConfig config, ConfigFile file) =>
        config.FindFault() is { } fault ? throw new ModelException($"{file.Path}: {fault}.") : config;

    /// <summary>The layout that a checkpoint's names are of; null for none.</summary>
    public static VisionLayout? Recognize(Checkpoint checkpoint)
    {
        foreach (string prefix in new[] { "vit.", "" })
        {
            if (checkpoint.Contains($"{prefix}embeddings.patch_embeddings.projection.weight")) return new HuggingFaceVitLayout(prefix);
        }

        foreach (string prefix in new[] { "vision_model.", "" })
        {
            if (checkpoint.Contains($"{prefix}embeddings.patch_embedding.weight") && checkpoint.Contains($"{prefix}embeddings.class_embedding"))
                return new HuggingFaceClipLayout(prefix);
        }

        foreach (string prefix in new[] { "visual.", "module.visual.", "model.visual.", "" })
        {
            if (checkpoint.Contains($"{prefix}conv1.weight") && checkpoint.Contains($"{prefix}class_embedding")) return new OpenClipLayout(prefix);
        }

        foreach (string prefix in new[] { "", "module." })
        {
            if (checkpoint.Contains($"{prefix}patch_embed.proj.weight")) return new TimmLayout(prefix);
        }

        return null;
    }
}
