using MergeEngine.Merging.Experiments;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>Progress on the thread that makes it.</summary>
internal sealed class ImmediateProgress(Action<ExperimentProgress> report) : IProgress<ExperimentProgress>
{
    public void Report(ExperimentProgress value) => report(value);
}
