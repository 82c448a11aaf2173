using System.Globalization;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Sizes as the tensors have them, compared with what a config says.</summary>
internal sealed class TensorSizes
{
    private readonly Checkpoint _checkpoint;

    /// <param name="checkpoint">Where the tensors are.</param>
    /// <param name="patches">Name of the patch projection [width, channels, p, p].</param>
    public TensorSizes(Checkpoint checkpoint, string patches)
    {
        _checkpoint = checkpoint;
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

    /// <summary>Dimension <paramref name="axis"/> of a tensor of a known rank.</summary>
    public int Dimension(string name, int rank, int axis) => ToInt(name, ShapeOf(name, rank)[axis]);

    public bool Has(string name) => _checkpoint.Contains(name);

    /// <summary>How many blocks there are: one more than the largest N of the names <c>{prefix}N.</c></summary>
    private int CountBlocks(string prefix)
    {
        int count = 0;
        foreach (string name in _checkpoint.Names)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            int end = name.IndexOf('.', prefix.Length);
            if (end < 0 || !int.TryParse(name.AsSpan(prefix.Length, end - prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index)) continue;
            if (index < 0 || index >= _checkpoint.Names.Count)
                throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} belongs to block {index}, but the file has only {_checkpoint.Names.Count} tensors.");
            count = Math.Max(count, index + 1);
        }

        return count > 0 ? count : throw new ModelException($"{_checkpoint.Path}: there are no tensors {Quoting.Quote(prefix + "0.…")}, expected the blocks of a transformer.");
    }

    /// <summary>The size of the tensor, if the config says the same or nothing.</summary>
    /// <exception cref="ModelException">They contradict each other.</exception>
    public static int Agree(ConfigSection config, string key, int found, string tensor, int? said)
    {
        if (said is { } size && size != found)
            throw new ModelException($"{config.Describe(key)}, but tensor {Quoting.Quote(tensor)} has {found}.");
        return found;
    }

    /// <summary>The number of blocks, if the config says the same or nothing.</summary>
    public int AgreeBlocks(ConfigSection config, string key, string prefix)
    {
        int found = CountBlocks(prefix);
        if (config.Size(key) is { } said && said != found)
            throw new ModelException($"{config.Describe(key)}, but the tensors {Quoting.Quote(prefix + "…")} are of {found} blocks.");
        return found;
    }

    public static int Agree(ConfigSection config, string key, int found, string tensor) => Agree(config, key, found, tensor, config.Size(key));

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
                    $"{config.Describe(key)}, which makes {expected} patches of {PatchSize} pixels and {prefixTokens} more tokens, but tensor {Quoting.Quote(positions)} has {positionRows} rows.");
            }

            return new ImageShape(Channels, size.Height, size.Width);
        }

        int side = (int)Math.Sqrt(Math.Max(0, patches));
        if (side < 1 || side * side != patches)
            throw new ModelException($"{config.Describe(key)}, and the {patches} patches of tensor {Quoting.Quote(positions)} are no square, expected the image's size.");
        return new ImageShape(Channels, checked(side * PatchSize), checked(side * PatchSize));
    }

    private Shape ShapeOf(string name, int rank)
    {
        if (!_checkpoint.TryGet(name, out TensorEntry? entry)) throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} is missing.");
        if (entry.Shape.Rank != rank) throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} is {entry.Shape}, expected {rank} dimensions.");
        return entry.Shape;
    }

    private int ToInt(string name, long dimension, int most = 1 << 24) => dimension > 0 && dimension <= most
        ? (int)dimension
        : throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} has a dimension of {dimension}, expected 1 to {most}.");
}
