namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What a merge costs, from headers alone.</summary>
/// <param name="Passes">The most often that a tensor is read: once for each pass of statistics and once to merge.</param>
/// <param name="ReadBytes">Bytes of weights that all passes read.</param>
/// <param name="WriteBytes">Bytes of tensors that are written.</param>
/// <param name="PeakMemory">Resident bytes of the process, as a rule; methods may come to hold more of what the limit allows.</param>
/// <param name="LeastMemory">The smallest memory limit that is kept to; never more than the peak.</param>
public sealed record ExecutionEstimate(int Passes, long ReadBytes, long WriteBytes, long PeakMemory, long LeastMemory);
