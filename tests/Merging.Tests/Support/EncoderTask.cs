using MergeEngine.Merging.Tuning;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>A task of the fixtures: an encoder that all tasks share, a frozen head, images as they stand and the batches the fixture names.</summary>
internal sealed class EncoderTask : ITuningTask, IDisposable
{
    private readonly Encoder _encoder;
    private readonly ClassificationHead _head;
    private readonly Batch _batch;
    private readonly float[] _images;
    private readonly int[] _labels;
    private readonly Func<long, int[]> _order;

    /// <param name="encoder">Shared, not owned.</param>
    /// <param name="head">Owned.</param>
    /// <param name="name">For ledger and progress.</param>
    /// <param name="images">[samples, pixels], normalised.</param>
    /// <param name="labels">[samples].</param>
    /// <param name="order">The samples of batch s.</param>
    public EncoderTask(Encoder encoder, ClassificationHead head, string name, float[] images, int[] labels, Func<long, int[]> order)
    {
        Name = name;
        _encoder = encoder;
        _head = head;
        _images = images;
        _labels = labels;
        _order = order;
        _batch = encoder.CreateBatch();
    }

    public string Name { get; }

    public int StepsPerEpoch { get; init; } = 1;

    public BatchResult AddGradient(ParameterVector parameters, long step, ParameterVector gradients) =>
        Run(parameters, _order(step), gradients, GradientReduction.Sum);

    /// <summary>Mean loss of all samples; with gradients, their mean gradient or mean |per-sample gradient| is added.</summary>
    public double Loss(ParameterVector parameters, ParameterVector? gradients = null, GradientReduction reduction = GradientReduction.Sum) =>
        Run(parameters, [.. Enumerable.Range(0, _labels.Length)], gradients, reduction).Loss;

    public void Dispose()
    {
        _batch.Dispose();
        _head.Dispose();
    }

    private BatchResult Run(ParameterVector parameters, int[] samples, ParameterVector? gradients, GradientReduction reduction)
    {
        _batch.Prepare(samples.Length, out Span<float> images, out Span<int> labels);
        int pixels = _images.Length / _labels.Length;
        for (int i = 0; i < samples.Length; i++)
        {
            _images.AsSpan(samples[i] * pixels, pixels).CopyTo(images[(i * pixels)..]);
            labels[i] = _labels[samples[i]];
        }

        _batch.Commit();
        Matrix logits = _head.Forward(_encoder.Forward(parameters, _batch, keepForBackward: gradients is not null));
        Matrix logitsGradient = gradients is null ? default : _head.LogitsGradient;
        _encoder.Device.Operations.CrossEntropy(_head.Losses, logitsGradient, logits, _batch.Labels, 1f / samples.Length);
        if (gradients is not null) _encoder.Backward(parameters, gradients, _head.Backward(null, reduction), reduction);
        var losses = new float[samples.Length];
        _encoder.Device.Download(_head.Losses, losses);
        return new BatchResult(losses.Average(l => (double)l), samples.Length);
    }
}

/// <summary>AdamW on the engine's own operation.</summary>
internal sealed class AdamWDescent(Device device, ParameterLayout layout, AdamSettings settings) : IParameterOptimizer
{
    private readonly ParameterVector _first = new(device, layout);
    private readonly ParameterVector _second = new(device, layout);
    private int _step;

    public void Reset()
    {
        device.Operations.Fill(_first.Values, 0);
        device.Operations.Fill(_second.Values, 0);
        _step = 0;
    }

    public void Step(ParameterVector parameters, ParameterVector gradients, long step, long totalSteps) =>
        device.Operations.Adam(parameters.Values, gradients.Values, _first.Values, _second.Values, settings, ++_step);

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }
}
