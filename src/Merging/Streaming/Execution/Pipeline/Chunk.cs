using MergeEngine.Tensors;

namespace MergeEngine.Merging.Streaming.Execution.Pipeline;

/// <summary>A part of a flow on its way from the files to the output.</summary>
/// <param name="index">Its number in the pass.</param>
/// <param name="first">Index of its first element.</param>
/// <param name="length">Number of elements.</param>
internal class Chunk(int index, long first, long length)
{
    public int Index { get; } = index;

    public long First { get; } = first;

    public long Length { get; } = length;

    /// <summary>Host memory for it, while it has some.</summary>
    public DeviceBuffer? Memory { get; set; }

    /// <summary>Whether its elements are in the memory.</summary>
    public bool IsRead { get; set; }

    /// <summary>Bytes of the common store that it has taken beside its flow's own reserve.</summary>
    public long Charged { get; set; }
}
