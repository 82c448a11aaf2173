using MergeEngine.Merging.Methods;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>What one round did.</summary>
/// <param name="Number">The round, from 1.</param>
/// <param name="Losses">For each task, the loss of each of its batches before its update.</param>
/// <param name="Norms">‖τ_t‖ of each task, from the base of this round.</param>
/// <param name="Seconds">Tuning and merging, without what observers did.</param>
public sealed record AlternatingRound(int Number, IReadOnlyList<double[]> Losses, IReadOnlyList<double> Norms, double Seconds);

/// <summary>Looks at a run of ATM as it goes; what it does is not booked in the ledger.</summary>
public interface IAlternatingObserver
{
    /// <summary>All tasks of a round are tuned and nothing is merged yet. The vectors must not be changed or kept.</summary>
    void Tuned(int round, TaskVectors taskVectors);

    /// <summary>A round is merged. The model must not be changed or kept.</summary>
    void Merged(AlternatingRound round, ParameterVector merged);
}
