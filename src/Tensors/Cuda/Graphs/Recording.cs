using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors.Cuda.Graphs;

/// <summary>Work that was seen, and the graph of it once it was seen again.</summary>
internal sealed class Recording(byte[] log)
{
    /// <summary>What the work launches.</summary>
    public byte[] Log { get; } = log;

    /// <summary>The graph; none while the work was seen once.</summary>
    public GraphExecHandle Executable { get; set; }

    /// <summary>When it was last wanted, in calls.</summary>
    public long LastUse { get; set; }
}
