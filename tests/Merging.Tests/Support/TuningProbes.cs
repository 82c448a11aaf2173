using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>A task and an optimizer that do nothing.</summary>
internal sealed class Still : ITuningTask, IParameterOptimizer
{
    public string Name => "still";

    public int StepsPerEpoch => 1;

    public BatchResult Accumulate(ParameterVector parameters, long step, double weight) => new(1, 1);

    public void Reset()
    {
    }

    public void Step(ParameterVector parameters, long step)
    {
    }

    public void Dispose()
    {
    }
}

/// <summary>Progress that nobody looks at.</summary>
internal sealed class Silence : IProgress<TuningProgress>
{
    public void Report(TuningProgress value)
    {
    }
}

/// <summary>Keeps all progress, and may stop a run.</summary>
internal sealed class Watcher : IProgress<TuningProgress>
{
    public List<TuningProgress> Seen { get; } = [];

    public Action<TuningProgress>? Stop { get; init; }

    public void Report(TuningProgress value)
    {
        Seen.Add(value);
        Stop?.Invoke(value);
    }
}
