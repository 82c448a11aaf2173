using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Probes;

/// <summary>A model with random weights whose passes can be timed; every pass ends when its result is there.</summary>
internal abstract class ProbeModel(Device device, int batch) : IDisposable
{
    private ParameterVector? _gradients, _firstMoment, _secondMoment;
    private int _step;

    public Device Device { get; } = device;

    public int Batch { get; } = batch;

    /// <summary>Operations of a forward pass over the batch, products and attention counted.</summary>
    public abstract double ForwardOperations { get; }

    /// <summary>From the host and back.</summary>
    public abstract void Forward();

    /// <summary>One training step.</summary>
    public void Step()
    {
        ParameterVector parameters = Parameters;
        _gradients ??= new ParameterVector(Device, parameters.Layout);
        _firstMoment ??= new ParameterVector(Device, parameters.Layout);
        _secondMoment ??= new ParameterVector(Device, parameters.Layout);
        Accumulate(_gradients);
        Device.Operations.Adam(parameters.Values, _gradients.Values, _firstMoment.Values, _secondMoment.Values, new AdamSettings(1e-6, 0.9, 0.999, 1e-8, 0.01, false), ++_step);
        Device.Operations.Fill(_gradients.Values, 0);
        Device.Synchronize();
    }

    public void Dispose()
    {
        _gradients?.Dispose();
        _firstMoment?.Dispose();
        _secondMoment?.Dispose();
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract ParameterVector Parameters { get; }

    /// <summary>Forward, loss and backward.</summary>
    protected abstract void Accumulate(ParameterVector gradients);

    protected abstract void Dispose(bool disposing);

    /// <summary>Operations of one block on one sample.</summary>
    protected static double BlockOperations(double tokens, double width, double mlp) =>
        2 * ((4 * tokens * width * width) + (2 * tokens * tokens * width) + (2 * tokens * width * mlp));
}
