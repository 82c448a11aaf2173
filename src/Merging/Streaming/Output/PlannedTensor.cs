using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Output;

/// <summary>A tensor and the place where its bytes will stand.</summary>
public sealed class PlannedTensor
{
    private readonly TensorEntry entry;

    internal PlannedTensor(TensorEntry entry, OutputShard shard)
    {
        this.entry = entry;
        Shard = shard;
    }

    public OutputTensor Tensor => new(entry.Name, entry.DType, entry.Shape);

    public string Name => entry.Name;

    /// <summary>The file that holds it.</summary>
    public OutputShard Shard { get; }

    /// <summary>Its first byte, counted from the start of that file.</summary>
    public long Offset => Shard.Layout.DataStart + entry.Begin;

    public long ByteLength => entry.ByteLength;
}
