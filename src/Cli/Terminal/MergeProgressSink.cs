using MergeEngine.Merging.Streaming.Runs;

namespace MergeEngine.Cli.Terminal;

/// <summary>A merge's progress on whatever shows progress.</summary>
internal sealed class MergeProgressSink(IProgressSink sink) : IProgress<MergeProgress>
{
    public void Report(MergeProgress value)
    {
        string phase = value.Document is { } document ? $"{value.Execution.Phase}: {document}" : value.Execution.Phase;
        sink.Report(phase, value.Execution.DoneBytes, value.Execution.TotalBytes);
    }
}
