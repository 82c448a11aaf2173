using MergeEngine.Merging.Experiments;

namespace MergeEngine.Cli.Terminal;

/// <summary>An experiment's progress on whatever shows progress.</summary>
internal sealed class SinkProgress(IProgressSink sink) : IProgress<ExperimentProgress>
{
    public void Report(ExperimentProgress value) => sink.Report(value.Phase, value.Done, value.Total, value.OverallDone, value.OverallTotal);
}
