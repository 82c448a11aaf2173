using MergeEngine.Merging.Streaming.Execution.Pipeline;

namespace MergeEngine.Merging.Streaming.Execution.Flows;

/// <summary>What all flows of a merge share.</summary>
internal sealed record FlowContext(ComputeStage Stage, MemoryPlan Memory, ExecutionMeter Meter, NonFiniteCounts NonFinite, HelpBoard? Board, CancellationToken Cancellation);
