using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>
/// The inner optimizer: its moments and its rule. Moments can be reset (a fresh optimizer) or kept over rounds; the learning rate follows
/// the place within the whole budget, not the moments.
/// </summary>
public interface IParameterOptimizer : IDisposable
{
    /// <summary>Forgets all moments, as if no step had been made.</summary>
    void Reset();

    /// <summary>One update of the parameters.</summary>
    /// <param name="parameters">Updated.</param>
    /// <param name="gradients">The gradient; may be overwritten.</param>
    /// <param name="step">This step within the budget of the run, from 0: what a schedule goes by.</param>
    /// <param name="totalSteps">Steps of the budget.</param>
    void Step(ParameterVector parameters, ParameterVector gradients, long step, long totalSteps);
}
