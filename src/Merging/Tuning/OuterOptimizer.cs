using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>
/// What a round of ATM may do with its merged task vector Δ other than adding it: take −Δ as a pseudo-gradient, as DiLoCo
/// (arXiv 2311.08105) and FedOpt (arXiv 2003.00295) do for shards of one data set.
/// </summary>
public abstract record OuterOptimizer
{
    private protected OuterOptimizer()
    {
    }

    /// <summary>The name in experiment files.</summary>
    public abstract string Name { get; }

    /// <summary>Moments that are zero.</summary>
    internal abstract IOuterState Start(ParameterVector parameters);
}

/// <summary>The moments of an outer optimizer over the rounds of one run.</summary>
internal interface IOuterState : IDisposable
{
    /// <summary>Moves the parameters by the merged task vector of round <paramref name="round"/>, from 1; delta may be overwritten.</summary>
    void Step(ParameterVector parameters, ParameterVector delta, int round);
}
