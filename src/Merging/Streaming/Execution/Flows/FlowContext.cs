using MergeEngine.Merging.Streaming.Execution.Pipeline;
using MergeEngine.Merging.Streaming.Profiling;

namespace MergeEngine.Merging.Streaming.Execution.Flows;

/// <summary>What all flows of a merge share.</summary>
internal sealed record FlowContext(ComputeStage Stage, MemoryPlan Memory, ExecutionMeter Meter, NonFiniteCounts NonFinite, HelpBoard? Board, CancellationToken Cancellation)
{
    /// <summary>Takes the time of stages; null where nobody asks.</summary>
    public StageTimes? Times { get; init; }
}
