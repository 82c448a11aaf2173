using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>Nesterov momentum: m ← μ·m + Δ; θ ← θ + η·(Δ + μ·m), m = 0 at first.</summary>
public sealed record NesterovOuterOptimizer : OuterOptimizer
{
    /// <param name="momentum">μ in [0, 1); 0.9 in DiLoCo.</param>
    /// <param name="learningRate">η; 1 moves by Δ itself when μ = 0.</param>
    /// <exception cref="ArgumentException">A number outside its range.</exception>
    public NesterovOuterOptimizer(double momentum = 0.9, double learningRate = 1)
    {
        if (!(momentum >= 0 && momentum < 1)) throw new ArgumentException($"The outer momentum μ is {momentum}, expected a number from 0 to below 1.", nameof(momentum));
        if (!(learningRate > 0 && double.IsFinite(learningRate))) throw new ArgumentException($"The outer learning rate is {learningRate}, expected a finite number above 0.", nameof(learningRate));
        Momentum = momentum;
        LearningRate = learningRate;
    }

    public override string Name => "nesterov";

    public double Momentum { get; }

    public double LearningRate { get; }

    internal override IOuterState Start(ParameterVector parameters) => new State(this, parameters);

    private sealed class State(NesterovOuterOptimizer settings, ParameterVector parameters) : IOuterState
    {
        private readonly ParameterVector _momentum = new(parameters.Device, parameters.Layout);

        public void Step(ParameterVector parameters, ParameterVector delta, int round)
        {
            OperationSet operations = parameters.Device.Operations;
            operations.WeightedSum(_momentum.Values, [_momentum.Values, delta.Values], [(float)settings.Momentum, 1f]);
            operations.AddWeightedSum(
                parameters.Values, parameters.Values, [delta.Values, _momentum.Values], [(float)settings.LearningRate, (float)(settings.LearningRate * settings.Momentum)]);
        }

        public void Dispose() => _momentum.Dispose();
    }
}
