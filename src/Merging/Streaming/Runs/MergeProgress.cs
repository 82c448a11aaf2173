using MergeEngine.Merging.Streaming.Execution;

namespace MergeEngine.Merging.Streaming.Runs;

/// <summary>How far a run has come.</summary>
/// <param name="Document">The name of the document that is merged; null for the result.</param>
/// <param name="Execution">How far its merge is.</param>
public readonly record struct MergeProgress(string? Document, ExecutionProgress Execution);
