using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>
/// The inner optimizer: its moments and its rule. Moments can be reset (a fresh optimizer) or kept over rounds; the learning rate goes by
/// the place within the whole run, not by the moments.
/// </summary>
public interface IParameterOptimizer : IDisposable
{
    /// <summary>Forgets all moments, as if no step had been made.</summary>
    void Reset();

    /// <summary>One update with the gradient that tasks have accumulated since the last one; the gradient is zero afterwards.</summary>
    /// <param name="parameters">Updated.</param>
    /// <param name="step">Number of this step within the run, from 0: what a schedule goes by.</param>
    void Step(ParameterVector parameters, long step);
}
