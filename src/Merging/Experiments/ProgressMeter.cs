using MergeEngine.Merging.Tuning;

namespace MergeEngine.Merging.Experiments;

/// <summary>Turns the progress of phases into that of the whole experiment.</summary>
internal sealed class ProgressMeter(IProgress<ExperimentProgress>? target, long overall) : IProgress<TuningProgress>
{
    private long _done;

    /// <summary>One step of a tuning loop.</summary>
    public void Report(TuningProgress value)
    {
        _done = Math.Min(_done + 1, overall);
        target?.Report(new ExperimentProgress(value.Task.Length == 0 ? value.Phase : $"{value.Phase}: {value.Task}", value.Done, value.Total, _done, overall));
    }

    /// <summary>Work that is not made of optimizer steps.</summary>
    public void Report(string phase, long done, long total) => target?.Report(new ExperimentProgress(phase, done, total, _done, overall));
}
