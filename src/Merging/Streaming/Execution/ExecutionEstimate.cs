namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What a merge costs, from headers alone.</summary>
/// <param name="Passes">The most often that a tensor is read: once for each pass of statistics and once to merge.</param>
/// <param name="ReadBytes">Bytes of weights that all passes read.</param>
/// <param name="WriteBytes">Bytes of tensors that are written.</param>
/// <param name="PeakMemory">Resident bytes of the process at most.</param>
/// <param name="LeastMemory">The smallest memory limit with which the merge is possible.</param>
public sealed record ExecutionEstimate(int Passes, long ReadBytes, long WriteBytes, long PeakMemory, long LeastMemory);
