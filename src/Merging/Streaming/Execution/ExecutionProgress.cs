namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>How far a merge has come.</summary>
/// <param name="Phase">What is being done: <c>statistics</c> over the whole model, or <c>merge</c>.</param>
/// <param name="DoneBytes">Bytes of this phase that are done.</param>
/// <param name="TotalBytes">Bytes of this phase in all: of the inputs, and of the output in the phase that writes it.</param>
public readonly record struct ExecutionProgress(string Phase, long DoneBytes, long TotalBytes);
