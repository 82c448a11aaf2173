using System.Globalization;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Sizes as the tensors have them, compared with what a config says.</summary>
internal class TensorSizes
{
    private readonly Checkpoint _checkpoint;

    /// <param name="checkpoint">Where the tensors are.</param>
    public TensorSizes(Checkpoint checkpoint) => _checkpoint = checkpoint;

    /// <summary>The file or directory, for messages.</summary>
    protected string Path => _checkpoint.Path;

    /// <summary>Dimension <paramref name="axis"/> of a tensor of a known rank.</summary>
    public int Dimension(string name, int rank, int axis) => ToInt(name, ShapeOf(name, rank)[axis]);

    public bool Has(string name) => _checkpoint.Contains(name);

    /// <summary>How many blocks there are: one more than the largest N of the names <c>{prefix}N.</c></summary>
    public int CountBlocks(string prefix)
    {
        int count = 0;
        foreach (string name in _checkpoint.Names)
        {
            if (!name.StartsWith(prefix, StringComparison.Ordinal)) continue;
            int end = name.IndexOf('.', prefix.Length);
            if (end < 0 || !int.TryParse(name.AsSpan(prefix.Length, end - prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index)) continue;
            if (index < 0 || index >= _checkpoint.Names.Count)
                throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} belongs to block {index}, but the file has only {Counting.Of(_checkpoint.Names.Count, "tensor")}.");
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

    protected Shape ShapeOf(string name, int rank)
    {
        if (!_checkpoint.TryGet(name, out TensorEntry? entry)) throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} is missing.");
        if (entry.Shape.Rank != rank) throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} is {entry.Shape}, expected {rank} dimensions.");
        return entry.Shape;
    }

    protected int ToInt(string name, long dimension, int most = 1 << 24) => dimension > 0 && dimension <= most
        ? (int)dimension
        : throw new ModelException($"{_checkpoint.Path}: tensor {Quoting.Quote(name)} has a dimension of {dimension}, expected 1 to {most}.");
}
