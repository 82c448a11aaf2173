using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>A sum of the inputs whose coefficients are known beforehand, in float64 and rounded once.</summary>
internal sealed class CoefficientMerge : TensorMerge
{
    private readonly Device _device;
    private readonly DeviceBuffer _coefficients;

    /// <param name="device">Where the chunks lie.</param>
    /// <param name="coefficients">One for each input; an input with 0 takes no part.</param>
    public CoefficientMerge(Device device, ReadOnlySpan<double> coefficients)
    {
        _device = device;
        _coefficients = device.Allocate<double>(coefficients.Length);
        device.Upload(coefficients, _coefficients.AsSpan<double>());
    }

    public override long WorkingBytes => _coefficients.ByteLength;

    public override void Map(in TensorChunk chunk) =>
        _device.Operations.CombineGroups(chunk.Output, chunk.Inputs, _coefficients.AsSpan<double>(), 1, Math.Max(1, chunk.Length));

    protected override void Dispose(bool disposing)
    {
        _coefficients.Dispose();
        base.Dispose(disposing);
    }
}
