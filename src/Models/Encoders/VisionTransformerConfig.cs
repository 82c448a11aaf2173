using MergeEngine.Models.Datasets;
using MergeEngine.Models.Datasets.Images;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Models.Encoders;

/// <summary>Whose names and shapes a vision checkpoint has.</summary>
public enum VisionFamily
{
    /// <summary>ViTModel and ViTForImageClassification of transformers.</summary>
    HuggingFaceVit,

    /// <summary>CLIPVisionModel, with or without projection, and CLIPModel of transformers.</summary>
    HuggingFaceClip,

    /// <summary>The visual tower of OpenAI's CLIP and of open_clip.</summary>
    OpenClip,

    /// <summary>VisionTransformer of timm.</summary>
    Timm,
}

/// <summary>From the tokens of the last block to one row.</summary>
public enum VisionPooling
{
    /// <summary>The class token, after the final LayerNorm.</summary>
    ClassToken,

    /// <summary>The mean of the patch tokens, then the final LayerNorm (timm's <c>fc_norm</c>).</summary>
    MeanThenNorm,

    /// <summary>The final LayerNorm of every token, then the mean of the patch tokens.</summary>
    NormThenMean,
}

/// <summary>Everything that decides the shapes and the arithmetic of a vision transformer.</summary>
public sealed record VisionTransformerConfig
{
    public VisionFamily Family { get; init; }

    /// <summary>What stands before the names of the checkpoint: <c>vit.</c>, <c>vision_model.</c>, <c>visual.</c>, or nothing.</summary>
    public string Prefix { get; init; } = "";

    public required ImageShape Image { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    public required int Width { get; init; }

    public required int Layers { get; init; }

    public required int Heads { get; init; }

    public required int MlpWidth { get; init; }

    public Activation Activation { get; init; } = Activation.GeluErf;

    /// <summary>ε of every LayerNorm.</summary>
    public double NormEpsilon { get; init; } = 1e-12;

    public bool ClassToken { get; init; } = true;

    public int RegisterTokens { get; init; }

    /// <summary>True if class and register tokens have positions too.</summary>
    public bool PositionsCoverPrefix { get; init; } = true;

    public bool PatchBias { get; init; } = true;

    /// <summary>True if a LayerNorm stands before the first block.</summary>
    public bool PreNorm { get; init; }

    public bool QkvBias { get; init; } = true;

    public bool LayerScale { get; init; }

    public VisionPooling Pooling { get; init; }

    /// <summary>Columns of the projection behind the final LayerNorm; 0 for none.</summary>
    public int ProjectionWidth { get; init; }

    /// <summary>Classes of the checkpoint's own classifier; 0 for none.</summary>
    public int Classes { get; init; }

    /// <summary>True if the checkpoint has ViTModel's pooler, a linear layer with tanh.</summary>
    public bool Pooler { get; init; }

    /// <summary>How pixels are normalised.</summary>
    public required PixelNormalization Normalization { get; init; }

    /// <summary>How image files are brought to <see cref="Image"/>; if nothing is said, resized to it.</summary>
    public ImagePreparation Preparation
    {
        get => field ?? ImagePreparation.Exact(Image.Height, Image.Width);
        // What is the default counts as not said, so that configs of one model are equal.
        init => field = value == ImagePreparation.Exact(Image.Height, Image.Width) ? null : value;
    }

    /// <summary>Patches of an image.</summary>
    public int Patches => (Image.Height / PatchSize) * (Image.Width / PatchSize);

    /// <summary>Tokens before the patches.</summary>
    public int PrefixTokens => (ClassToken ? 1 : 0) + RegisterTokens;

    public int Tokens => PrefixTokens + Patches;

    /// <summary>Most channels of an image: each has a table of its normalised bytes.</summary>
    internal const int MaxChannels = 4096;

    /// <summary>Values of the largest image that is taken, by all channels: a GiB in float32.</summary>
    private const long MaxImageLength = 1 << 28;

    /// <summary>What is wrong, as the end of a sentence; null if nothing is.</summary>
    public string? FindFault()
    {
        if (Image.Channels < 1 || Image.Height < 1 || Image.Width < 1) return $"the image shape is {Image}, expected positive sizes";
        if (Image.Channels > MaxChannels) return $"the image has {Image.Channels} channels, expected at most {MaxChannels}";
        if ((UInt128)Image.Channels * (ulong)Image.Height * (ulong)Image.Width > MaxImageLength) return $"the image shape is {Image}, expected at most {MaxImageLength} values";
        if (PatchSize < 1) return $"the patch size is {PatchSize}, expected a positive number";
        if (Width < 1) return $"the width is {Width}, expected a positive number";
        if (Layers < 1) return $"the number of layers is {Layers}, expected a positive number";
        if (MlpWidth < 1) return $"the MLP width is {MlpWidth}, expected a positive number";
        if (Heads < 1) return $"the number of heads is {Heads}, expected a positive number";
        if (Width % Heads != 0) return $"a width of {Width} cannot be divided among {Heads} heads, expected a multiple";
        if (PatchSize > Image.Height || PatchSize > Image.Width) return $"a patch of {PatchSize}×{PatchSize} pixels is larger than the image of {Image.Height}×{Image.Width}";
        if (!(NormEpsilon > 0 && NormEpsilon < 1)) return $"the LayerNorm epsilon is {NormEpsilon}, expected a number between 0 and 1";
        if (Pooling == VisionPooling.ClassToken && !ClassToken) return "the features are those of a class token, but there is none";
        if (Normalization.Channels != Image.Channels) return $"the normalisation has {Normalization.Channels} channels, expected {Image.Channels} as the image has";
        return null;
    }
}
