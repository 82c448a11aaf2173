using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Probes;

/// <summary>An encoder with random weights and a linear head, whose passes can be timed; every pass ends when its result is there.</summary>
internal sealed class ProbeModel : IDisposable
{
    private readonly Device _device;
    private readonly ProbeInputs _inputs;
    private readonly float[] _logits;
    private readonly Encoder? _encoder;
    private readonly ClassificationHead? _head;
    private readonly Batch? _batch;
    private ParameterVector? _gradients, _firstMoment, _secondMoment;
    private int _step;

    public ProbeModel(Device device, ProbeInputs inputs)
    {
        _device = device;
        _inputs = inputs;
        _logits = new float[inputs.Samples * ProbeInputs.Classes];
        try
        {
            _encoder = inputs.CreateEncoder(device);
            _head = ClassificationHead.Random(device, ProbeInputs.Classes, _encoder.FeatureWidth, seed: 1);
            _batch = _encoder.CreateBatch();
            inputs.Send(_batch);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>[samples, classes], of the last pass forward.</summary>
    public ReadOnlySpan<float> Logits => _logits;

    /// <summary>From inputs on the host to logits on the host.</summary>
    public void Forward()
    {
        _inputs.Send(_batch!);
        Matrix logits = _head!.Forward(_encoder!.Forward(_encoder.Parameters, _batch!, keepForBackward: false));
        _device.Download(logits.Data, _logits);
    }

    /// <summary>Readies the encoder for passes forward alone, as a service does.</summary>
    public void Pack() => _encoder!.Pack(_encoder.Parameters);

    /// <summary>One training step on the batch that lies on the device: forward, loss, backward, AdamW.</summary>
    public void Step()
    {
        ParameterVector parameters = _encoder!.Parameters;
        _gradients ??= new ParameterVector(_device, parameters.Layout);
        _firstMoment ??= new ParameterVector(_device, parameters.Layout);
        _secondMoment ??= new ParameterVector(_device, parameters.Layout);
        _encoder.Run(new LossPass(_encoder, _head!, _batch!, parameters, _gradients, null, GradientReduction.Sum, 1f / _inputs.Samples), LossPass.Run);
        _device.Operations.Adam(parameters.Values, _gradients.Values, _firstMoment.Values, _secondMoment.Values, new AdamSettings(1e-6, 0.9, 0.999, 1e-8, 0.01, false), ++_step);
        _device.Operations.Fill(_gradients.Values, 0);
        _device.Synchronize();
    }

    public void Dispose()
    {
        _secondMoment?.Dispose();
        _firstMoment?.Dispose();
        _gradients?.Dispose();
        _batch?.Dispose();
        _head?.Dispose();
        _encoder?.Dispose();
    }
}
