using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>Hands what an alternating run shows its observer to three functions.</summary>
internal sealed class RoundRecorder(Action<AlternatingRound> round, Action<TaskVectors> tuned, Action<ParameterVector> merged) : IAlternatingObserver
{
    public void Tuned(int round, TaskVectors taskVectors) => tuned(taskVectors);

    public void Merged(AlternatingRound result, ParameterVector model)
    {
        round(result);
        merged(model);
    }
}
