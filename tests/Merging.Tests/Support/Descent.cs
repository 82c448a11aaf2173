using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>The gradient that analytic tasks add to and the next step takes.</summary>
internal sealed class GradientSum
{
    public float[] Values { get; } = new float[AnalyticTask.Dimension];
}

/// <summary>Plain gradient descent on the engine's own operation, with what it was asked for written down.</summary>
internal sealed class Descent(GradientSum sum, double learningRate) : IParameterOptimizer
{
    public int Resets { get; private set; }

    public bool Disposed { get; private set; }

    public List<long> Steps { get; } = [];

    public void Reset() => Resets++;

    public void Step(ParameterVector parameters, long step)
    {
        Steps.Add(step);
        using var gradients = new ParameterVector(parameters.Device, parameters.Layout);
        sum.Values.CopyTo(gradients.Values.HostSpan);
        Array.Clear(sum.Values);
        parameters.Device.Operations.Sgd(parameters.Values, gradients.Values, default, new SgdSettings(learningRate), 1);
    }

    public void Dispose() => Disposed = true;
}
