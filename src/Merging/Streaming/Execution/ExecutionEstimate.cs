namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What a merge costs, from headers alone.</summary>
/// <param name="UsualPasses">How often a tensor is read as a rule: once for each pass of statistics and once to merge; of statistics over the whole model at most.</param>
/// <param name="Passes">The most often that a tensor may be read.</param>
/// <param name="ReadBytes">Bytes of weights that all passes read: those of statistics over the whole model at most, those of a tensor's own as a rule.</param>
/// <param name="WriteBytes">Bytes of tensors that are written.</param>
/// <param name="PeakMemory">Resident bytes of the process, as a rule; methods may come to hold more of what the limit allows.</param>
/// <param name="LeastMemory">The smallest memory limit that is kept to; never more than the peak.</param>
public sealed record ExecutionEstimate(int UsualPasses, int Passes, long ReadBytes, long WriteBytes, long PeakMemory, long LeastMemory);
