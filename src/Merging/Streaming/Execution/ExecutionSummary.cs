namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>What a merge has moved.</summary>
/// <param name="ReadBytes">Bytes of weights that were read, those of every pass.</param>
/// <param name="WrittenBytes">Bytes of tensors that were written; what an earlier run had written is not among them.</param>
public sealed record ExecutionSummary(long ReadBytes, long WrittenBytes);
