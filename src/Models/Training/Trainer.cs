using System.Diagnostics;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>
/// Tunes parameters of one encoder: batch → features → logits → loss → gradients → update. A run needs the parameters, an optimizer state
/// and a position in the data, and nothing else is remembered, so a run can be cut in two anywhere and gives the same bits.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainingOptions _options;
    private readonly Batch _batch;
    private readonly Dictionary<TrainingTask, DataCursor> _cursors = [];
    private readonly Dictionary<ClassificationHead, ParameterVector> _headGradients = [];
    private readonly Dictionary<string, Augmentation> _augmentations = new(StringComparer.Ordinal);
    private readonly List<ClassificationHead> _touched = [];
    private readonly ParameterRanges _ranges;
    private readonly DeviceBuffer _squaredNorm;
    private readonly double[] _norm = new double[1];
    private float[] _losses = [];

    /// <param name="encoder">What is tuned; its own parameters are not changed unless they are the ones given to <see cref="Run"/>.</param>
    /// <param name="options">How.</param>
    /// <exception cref="ArgumentException">The options make no sense.</exception>
    public Trainer(Encoder encoder, TrainingOptions options)
    {
        if (options.FindFault() is { } fault) throw new ArgumentException(fault, nameof(options));
        Encoder = encoder;
        _options = options;
        _ranges = new ParameterRanges(encoder.Layout, options.Frozen);
        _batch = encoder.CreateBatch();
        _squaredNorm = encoder.Device.Allocate<double>(1);
        Gradients = new ParameterVector(encoder.Device, encoder.Layout);
    }

    public Encoder Encoder { get; }

    /// <summary>Gradients that <see cref="Accumulate"/> has added up since the last <see cref="Update"/>.</summary>
    public ParameterVector Gradients { get; }

    /// <summary>A fresh state for this trainer's optimizer.</summary>
    public OptimizerState CreateState() => new(Encoder.Device, Encoder.Layout, _options.Optimizer);

    /// <summary>A cursor over a task's data with this trainer's batch size and seed.</summary>
    public DataCursor CreateCursor(TrainingTask task) => new(task, _options.BatchSize, _options.Seed);

    /// <summary>Steps that one epoch of a task takes.</summary>
    public int StepsPerEpoch(TrainingTask task) => CursorOf(task).StepsPerEpoch;

    /// <summary>Makes steps on one task.</summary>
    /// <param name="task">Data and head.</param>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="state">Changed in place.</param>
    /// <param name="start">Where the data stands.</param>
    /// <param name="steps">How many.</param>
    /// <param name="scheduleStart">Number of the first step for the schedule; null takes the optimizer state's own count.</param>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ModelException">Data, head and encoder do not fit each other.</exception>
    /// <exception cref="DivergenceException">A loss is not finite.</exception>
    public TrainingRun Run(
        TrainingTask task, ParameterVector parameters, OptimizerState state, DataPosition start, int steps, int? scheduleStart = null,
        Action<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        task.Check(Encoder, task.Split);
        DataCursor cursor = CursorOf(task);
        cursor.Position = start;
        double[] losses = new double[steps];
        long examples = 0, started = Stopwatch.GetTimestamp();
        int schedule = scheduleStart ?? state.Step, epoch = 0;
        if (steps > 0) Read(task, cursor.Next(out epoch), epoch);
        for (int i = 0; i < steps; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = _batch.Count, current = epoch;
            Pass(task, parameters, 1);
            double rate = Update(parameters, state, schedule + i);
            // A GPU is still at work: the next batch is made ready before its loss is waited for.
            if (i + 1 < steps) Read(task, cursor.Next(out epoch), epoch);
            losses[i] = MeanLoss(task.Head, count);
            if (!double.IsFinite(losses[i])) throw DivergenceException.OfLoss(task.Dataset.Source, i + 1);
            examples += count;
            progress?.Invoke(new TrainingProgress(i + 1, steps, current, losses[i], rate));
        }

        return new TrainingRun(losses, examples, Stopwatch.GetElapsedTime(started).TotalSeconds, cursor.Position);
    }

    /// <summary>Adds <paramref name="weight"/> times the gradient of a batch's mean loss to <see cref="Gradients"/>, and to the head's where heads are trained.</summary>
    /// <param name="task">Data and head; the caller has called <see cref="TrainingTask.Check"/>.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="samples">Which samples of the task's split.</param>
    /// <param name="epoch">Decides the augmentation.</param>
    /// <param name="weight">1, or a task's share of a joint step.</param>
    /// <returns>The batch's mean loss.</returns>
    public double Accumulate(TrainingTask task, ParameterVector parameters, ReadOnlySpan<int> samples, int epoch, double weight = 1)
    {
        Read(task, samples, epoch);
        Pass(task, parameters, weight);
        return MeanLoss(task.Head, samples.Length);
    }

    /// <summary>One optimizer step with the gradients that were accumulated, which are zero afterwards.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="state">Changed in place.</param>
    /// <param name="scheduleStep">Number of the step for the schedule; null takes the state's own count.</param>
    /// <returns>The learning rate of the step.</returns>
    public double Update(ParameterVector parameters, OptimizerState state, int? scheduleStep = null)
    {
        OperationSet operations = Encoder.Device.Operations;
        double rate = _options.LearningRate * _options.Schedule.Factor(scheduleStep ?? state.Step);
        foreach ((long offset, long length) in _ranges.Frozen) operations.Fill(Gradients.Values.Slice(offset, length), 0);
        GradientClip clip = _options.ClipNorm > 0 ? Clip(operations) : default;
        state.Step++;
        foreach ((long offset, long length) in _ranges.Trainable) Step(operations, parameters, Gradients, state, offset, length, rate, clip);
        operations.Fill(Gradients.Values, 0);
        foreach (ClassificationHead head in _touched)
        {
            ParameterVector gradients = _headGradients[head];
            OptimizerState headState = state.ForHead(head);
            headState.Step++;
            Step(operations, head.Parameters, gradients, headState, 0, gradients.Layout.Length, rate, clip);
            operations.Fill(gradients.Values, 0);
        }

        _touched.Clear();
        return rate;
    }

    public void Dispose()
    {
        _batch.Dispose();
        _squaredNorm.Dispose();
        Gradients.Dispose();
        foreach (ParameterVector gradients in _headGradients.Values) gradients.Dispose();
    }

    private void Read(TrainingTask task, ReadOnlySpan<int> samples, int epoch) =>
        task.Dataset.Require(task.Split).Read(samples, _batch, AugmentationOf(task) with { Epoch = epoch });

    private void Pass(TrainingTask task, ParameterVector parameters, double weight)
    {
        ClassificationHead head = task.Head;
        var pass = new LossPass(Encoder, head, _batch, parameters, Gradients, HeadGradientsOf(head), GradientReduction.Sum, (float)(weight / _batch.Count));
        Encoder.Run(pass, LossPass.Run);
    }

    private void Step(
        OperationSet operations, ParameterVector parameters, ParameterVector gradients, OptimizerState state, long offset, long length, double rate, GradientClip clip)
    {
        DeviceSpan<float> values = parameters.Values.Slice(offset, length), gradient = gradients.Values.Slice(offset, length), first = state.FirstMoment.Values.Slice(offset, length);
        if (_options.Optimizer == OptimizerKind.Sgd)
        {
            operations.Sgd(values, gradient, first, new SgdSettings(rate, _options.Momentum, _options.WeightDecay, _options.Nesterov), state.Step, clip);
            return;
        }

        var settings = new AdamSettings(rate, _options.Beta1, _options.Beta2, _options.Epsilon, _options.WeightDecay, _options.Optimizer == OptimizerKind.Adam);
        operations.Adam(values, gradient, first, state.SecondMoment!.Values.Slice(offset, length), settings, state.Step, clip);
    }

    /// <summary>The squared norm of everything that is trained in this step. It stays on the device unless heads take part.</summary>
    private GradientClip Clip(OperationSet operations)
    {
        DeviceSpan<double> target = _squaredNorm.AsSpan<double>();
        if (_touched.Count == 0)
        {
            operations.SquaredNorm(target, Gradients.Values);
        }
        else
        {
            _norm[0] = operations.Dot(Gradients.Values, Gradients.Values);
            foreach (ClassificationHead head in _touched) _norm[0] += operations.Dot(_headGradients[head].Values, _headGradients[head].Values);
            Encoder.Device.Upload<double>(_norm, target);
        }

        return new GradientClip(target, _options.ClipNorm);
    }

    private ParameterVector? HeadGradientsOf(ClassificationHead head)
    {
        if (!_options.TrainHead && !head.Trainable) return null;
        if (!_headGradients.TryGetValue(head, out ParameterVector? gradients))
            gradients = _headGradients[head] = new ParameterVector(head.Device, head.Parameters.Layout);
        if (!_touched.Contains(head)) _touched.Add(head);
        return gradients;
    }

    private double MeanLoss(ClassificationHead head, int count)
    {
        if (_losses.Length < count) _losses = new float[count];
        Encoder.Device.Download(head.Losses, _losses.AsSpan(0, count));
        double sum = 0;
        for (int i = 0; i < count; i++) sum += _losses[i];
        return sum / count;
    }

    private Augmentation AugmentationOf(TrainingTask task)
    {
        if (_options.Shift == 0) return default;
        if (!_augmentations.TryGetValue(task.Name, out Augmentation augmentation))
            augmentation = _augmentations[task.Name] = Augmentation.Shift(_options.Shift, _options.Seed, task.Name);
        return augmentation;
    }

    private DataCursor CursorOf(TrainingTask task)
    {
        if (!_cursors.TryGetValue(task, out DataCursor? cursor)) cursor = _cursors[task] = CreateCursor(task);
        return cursor;
    }
}
