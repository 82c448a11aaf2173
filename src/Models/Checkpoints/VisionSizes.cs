using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Sizes of a vision model: its patch projection and what image goes with its positions.</summary>
internal sealed class VisionSizes : TensorSizes
{
    /// <param name="checkpoint">Where the tensors are.</param>
    /// <param name="patches">Name of the patch projection [width, channels, p, p].</param>
    public VisionSizes(Checkpoint checkpoint, string patches)
        : base(checkpoint)
    {
        Patches = patches;
        Shape shape = ShapeOf(patches, 4);
        Width = ToInt(patches, shape[0]);
        Channels = ToInt(patches, shape[1], VisionTransformerConfig.MaxChannels);
        PatchSize = ToInt(patches, shape[2]);
        if (shape[2] != shape[3]) throw new ModelException($"{checkpoint.Path}: tensor {Quoting.Quote(patches)} is {shape}, expected square patches.");
    }

    /// <summary>Name of the patch projection.</summary>
    public string Patches { get; }

    public int Width { get; }

    public int Channels { get; }

    public int PatchSize { get; }

    /// <summary>
    /// The image's shape: as the config says, or a square that has as many patches as the positions without <paramref name="prefixTokens"/>.
    /// </summary>
    public ImageShape Image(ConfigSection config, string key, (int Height, int Width)? said, string positions, int positionRows, int prefixTokens)
    {
        int patches = positionRows - prefixTokens;
        if (said is { } size)
        {
            long expected = (long)(size.Height / PatchSize) * (size.Width / PatchSize);
            if (PatchSize > size.Height || PatchSize > size.Width)
                throw new ModelException($"{config.Describe(key)}, but a patch of {PatchSize}×{PatchSize} pixels is larger.");
            if (expected != patches)
            {
                throw new ModelException(
                    $"{config.Describe(key)}, which makes {Counting.Of(expected, "patch", "patches")} of {Counting.Of(PatchSize, "pixel")} and {Counting.Of(prefixTokens, "more token")}, but tensor {Quoting.Quote(positions)} has {Counting.Of(positionRows, "row")}.");
            }

            return new ImageShape(Channels, size.Height, size.Width);
        }

        int side = (int)Math.Sqrt(Math.Max(0, patches));
        if (side < 1 || side * side != patches)
            throw new ModelException($"{config.Describe(key)}, and the {patches} patches of tensor {Quoting.Quote(positions)} are no square, expected the image's size.");
        return new ImageShape(Channels, checked(side * PatchSize), checked(side * PatchSize));
    }
}
