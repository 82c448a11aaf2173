using MergeEngine.Merging.Methods;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>What the inner optimizer knows when a round begins.</summary>
public enum InnerState
{
    /// <summary>Nothing: new moments for every round and task, as in the paper. One set of moments in memory.</summary>
    Fresh,

    /// <summary>The task's moments of the round before. One set of moments for each task in memory.</summary>
    Kept,
}

/// <summary>Settings of <see cref="AlternatingTuning"/>.</summary>
public sealed record AlternatingOptions
{
    /// <param name="rounds">R: how often everything is merged.</param>
    /// <param name="mergeEvery">Tuning of each task between two merges: E epochs, or S steps.</param>
    /// <exception cref="ArgumentException">Less than one round.</exception>
    public AlternatingOptions(int rounds, TuningLength mergeEvery)
    {
        if (rounds < 1) throw new ArgumentException($"Alternating tuning has {rounds} rounds, expected at least 1.", nameof(rounds));
        Rounds = rounds;
        MergeEvery = mergeEvery;
    }

    public int Rounds { get; }

    public TuningLength MergeEvery { get; }

    public InnerState InnerState { get; init; } = InnerState.Fresh;

    /// <summary>The merge step, from the current base. The mean is α = 1/T; <see cref="TaskArithmetic"/> with λ = α is any other α.</summary>
    public MergeMethod Merge { get; init; } = new WeightAveraging();

    /// <summary>Null: the merged model is the next base.</summary>
    public OuterOptimizer? Outer { get; init; }

    /// <summary>
    /// For a merge step that needs gradients: writes the mean |gradient| of task k (first argument) at the current base (second) into a
    /// zero vector (third).
    /// </summary>
    public Action<int, ParameterVector, ParameterVector>? Sensitivity { get; init; }
}
