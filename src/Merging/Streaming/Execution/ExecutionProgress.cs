namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>How far a merge has come.</summary>
/// <param name="Phase">What is being done: <c>statistics</c> over the whole model, or <c>merge</c>.</param>
/// <param name="DoneBytes">Bytes of all phases that are done; never fewer than before.</param>
/// <param name="TotalBytes">Bytes of all phases: of the inputs for each pass over the model, and of the inputs and the output for the merge. Never more than before; fewer where statistics are complete sooner than they might have been.</param>
public readonly record struct ExecutionProgress(string Phase, long DoneBytes, long TotalBytes);
