namespace MergeEngine.Merging.Streaming.Output;

/// <summary>A tensor and the place where its bytes will stand.</summary>
public sealed class PlannedTensor
{
    internal PlannedTensor(OutputTensor tensor, OutputShard shard, long offset)
    {
        Tensor = tensor;
        Shard = shard;
        Offset = offset;
        ByteLength = tensor.ByteLength;
    }

    public OutputTensor Tensor { get; }

    public string Name => Tensor.Name;

    /// <summary>The file that holds it.</summary>
    public OutputShard Shard { get; }

    /// <summary>Its first byte, counted from the start of that file.</summary>
    public long Offset { get; }

    public long ByteLength { get; }
}
