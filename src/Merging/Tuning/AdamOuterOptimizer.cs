using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>Adam on −Δ with a learning rate of its own (FedAdam, arXiv 2003.00295), bias-corrected.</summary>
public sealed record AdamOuterOptimizer : OuterOptimizer
{
    /// <param name="learningRate">About how far one round moves a coordinate.</param>
    /// <param name="beta1">Decay of the first moment.</param>
    /// <param name="beta2">Decay of the second moment; 0.99 in FedOpt, whose rounds are few.</param>
    /// <param name="epsilon">Added to √v̂; must be small against |Δ|.</param>
    /// <exception cref="ArgumentException">A number outside its range.</exception>
    public AdamOuterOptimizer(double learningRate, double beta1 = 0.9, double beta2 = 0.99, double epsilon = 1e-8)
    {
        if (!(learningRate > 0 && double.IsFinite(learningRate))) throw new ArgumentException($"The outer learning rate is {learningRate}, expected a finite number above 0.", nameof(learningRate));
        if (!(beta1 >= 0 && beta1 < 1)) throw new ArgumentException($"The outer beta1 is {beta1}, expected a number from 0 to below 1.", nameof(beta1));
        if (!(beta2 >= 0 && beta2 < 1)) throw new ArgumentException($"The outer beta2 is {beta2}, expected a number from 0 to below 1.", nameof(beta2));
        if (!(epsilon > 0 && double.IsFinite(epsilon))) throw new ArgumentException($"The outer epsilon is {epsilon}, expected a finite number above 0.", nameof(epsilon));
        Settings = new AdamSettings(learningRate, beta1, beta2, epsilon);
    }

    public override string Name => "adam";

    public AdamSettings Settings { get; }

    internal override IOuterState Start(ParameterVector parameters) => new State(Settings, parameters);

    private sealed class State(AdamSettings settings, ParameterVector parameters) : IOuterState
    {
        private readonly ParameterVector _first = new(parameters.Device, parameters.Layout);
        private readonly ParameterVector _second = new(parameters.Device, parameters.Layout);

        public void Step(ParameterVector parameters, ParameterVector delta, int round)
        {
            parameters.Device.Operations.Scale(delta.Values, -1);
            parameters.Device.Operations.Adam(parameters.Values, delta.Values, _first.Values, _second.Values, settings, round);
        }

        public void Dispose()
        {
            _first.Dispose();
            _second.Dispose();
        }
    }
}
