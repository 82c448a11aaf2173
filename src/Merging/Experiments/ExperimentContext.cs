using System.Runtime.ExceptionServices;
using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Models.Training.Heads;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Experiments;

/// <summary>
/// What the methods of one experiment share: the encoder, tasks with their heads, scoring, and what is made once for all of them (the
/// individual models, the sensitivities). Everything is opened and checked before the first step.
/// </summary>
internal sealed class ExperimentContext : IDisposable
{
    private const int ScoringBatch = 128;
    private readonly ExperimentOptions _options;
    private readonly List<IDisposable> _owned = [];
    private readonly TrainingTask[] _tasks;
    private readonly EncoderTuning _onTrain;
    private readonly Lazy<EncoderTuning> _onValidation;
    private readonly ProgressMeter _meter;
    private readonly Dictionary<int, (IReadOnlyList<ParameterVector> Gradients, RowCost Cost)> _sensitivities = [];
    private Experts? _experts;
    private DivergenceException? _divergence;

    public ExperimentContext(Device device, ExperimentFile file, ExperimentOptions options)
    {
        File = file;
        _options = options;
        Seed = options.Seed ?? file.Seed;
        try
        {
            Encoder = Own(Encoder.Open(device, file.Model));
            _tasks = [.. file.Tasks.Select(task => Open(device, task))];
            _onTrain = Own(new EncoderTuning(Encoder, TuningOptions(file.Tuning.LearningRate), _tasks));
            _onValidation = new(() => Own(new EncoderTuning(Encoder, TuningOptions(file.Tuning.LearningRate), [.. _tasks.Select(t => t with { Split = "validation" })])));
            _meter = new ProgressMeter(options.Progress, StepsOf(file));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ExperimentFile File { get; }

    public ulong Seed { get; }

    public CancellationToken Cancellation => _options.Cancellation;

    public Encoder Encoder { get; }

    /// <summary>The pre-trained weights.</summary>
    public ParameterVector Start => Encoder.Parameters;

    public IReadOnlyList<ITuningTask> TrainTasks => _onTrain.Tasks;

    public IReadOnlyList<ITuningTask> ValidationTasks => _onValidation.Value.Tasks;

    /// <summary>The tuning of one task in the whole experiment.</summary>
    public TuningLength Budget => Length(File.Tuning.Epochs);

    /// <summary>The individual models; tuned when they are first asked for, and never again where that failed.</summary>
    /// <exception cref="DivergenceException">One of them has diverged.</exception>
    public Experts Experts
    {
        get
        {
            if (_divergence is not null) ExceptionDispatchInfo.Throw(_divergence);
            try
            {
                return _experts ??= Own(Experts.Tune(this, ExpertsCost));
            }
            catch (DivergenceException e)
            {
                _divergence = e;
                throw;
            }
            finally
            {
                ExpertsCost.Book();
            }
        }
    }

    /// <summary>What tuning the individual models cost, or has cost until one of them diverged.</summary>
    public RowCost ExpertsCost { get; } = new("individual");

    /// <summary>The tuning between two merges.</summary>
    public TuningLength LengthOf(RoundsEntry rounds) =>
        rounds.CountsSteps ? TuningLength.Steps(rounds.Every) : rounds.OnValidation ? TuningLength.Epochs(rounds.Every) : Length(rounds.Every);

    /// <summary>Makes fresh inner optimizers for a split.</summary>
    public Func<IParameterOptimizer> Optimizer(bool onValidation = false) => (onValidation ? _onValidation.Value : _onTrain).CreateOptimizer;

    /// <summary>Tuning at another learning rate; the caller disposes it.</summary>
    public EncoderTuning At(double learningRate) => new(Encoder, TuningOptions(learningRate), _tasks);

    public TuningContext Tuning(RowCost cost) => new(cost.Name, cost.Ledger, _meter, Cancellation);

    public AlternatingOptions Alternating(RoundsEntry rounds) => new(rounds.Rounds, LengthOf(rounds))
    {
        InnerState = rounds.KeepsInnerState ? InnerState.Kept : InnerState.Fresh,
        Merge = rounds.Merge == "ties" ? new Ties(lambda: rounds.Alpha ?? 1) : rounds.Alpha is { } alpha ? new TaskArithmetic(alpha) : new WeightAveraging(),
        Outer = rounds.Outer switch
        {
            "nesterov" => new NesterovOuterOptimizer(rounds.OuterMomentum),
            "adam" => new AdamOuterOptimizer(rounds.OuterLearningRate, rounds.OuterMomentum),
            _ => null,
        },
    };

    /// <summary>Mean absolute per-sample gradients of every task at the pre-trained weights, over exemplars of the training split.</summary>
    public IReadOnlyList<ParameterVector> Sensitivities(int samples) => SensitivitiesOf(samples).Gradients;

    public RowCost SensitivityCost(int samples) => SensitivitiesOf(samples).Cost;

    /// <summary>Accuracy on the test split of a task, in per cent, for the row of that name.</summary>
    /// <exception cref="DivergenceException">The model computes no numbers: what it gets right by chance would look like a score.</exception>
    public double Accuracy(string row, ParameterVector model, int task)
    {
        EvaluationResult result = Evaluate(model, task, "test");
        return double.IsFinite(result.Loss) ? result.Accuracy : throw DivergenceException.OfScore($"{row}, task {_tasks[task].Name}", "test");
    }

    /// <summary>Mean cross-entropy of a task.</summary>
    public double Loss(ParameterVector model, int task, string split) => Evaluate(model, task, split).Loss;

    /// <summary>Mean accuracy over tasks, in per cent; NaN for a model that computes no numbers.</summary>
    public double MeanAccuracy(ParameterVector model, string split)
    {
        double sum = 0;
        for (int t = 0; t < _tasks.Length; t++)
        {
            EvaluationResult result = Evaluate(model, t, split);
            sum += double.IsFinite(result.Loss) ? result.Accuracy : double.NaN;
        }

        return sum / _tasks.Length;
    }

    /// <summary>‖model − pre-trained‖₂.</summary>
    public double DistanceFromStart(ParameterVector model)
    {
        using ParameterVector difference = model.Clone();
        model.Device.Operations.Subtract(difference.Values, model.Values, Start.Values);
        return VectorGeometry.Norm(difference);
    }

    public void Report(string phase, long done, long total) => _meter.Report(phase, done, total);

    public T Own<T>(T value)
        where T : IDisposable
    {
        _owned.Add(value);
        return value;
    }

    /// <summary>Frees something that is owned before the end.</summary>
    public void Release(IDisposable value)
    {
        _owned.Remove(value);
        value.Dispose();
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        _owned.Clear();
    }

    private TuningLength Length(int epochs) => File.Tuning.StepsPerEpoch > 0 ? TuningLength.Steps((long)epochs * File.Tuning.StepsPerEpoch) : TuningLength.Epochs(epochs);

    private TrainingTask Open(Device device, TaskEntry entry)
    {
        Dataset dataset = TaskData.Open(Encoder, File.Model, entry);
        ClassificationHead head = entry.Heads is { } file
            ? ClassificationHead.FromSafetensors(device, file, ClassificationHead.FindPrefix(file, entry.Name))
            : HeadFitting.Fit(Encoder, dataset, l2: File.Heads!.L2, cancellation: Cancellation);
        var task = new TrainingTask(entry.Name, HeadRows.Match(dataset, Own(head), out _), head);
        foreach (string split in TaskData.Splits) task.Check(Encoder, split);
        return task;
    }

    /// <summary>A schedule goes over the whole budget of the task with the most steps.</summary>
    private TrainingOptions TuningOptions(double learningRate) => File.Tuning.ToOptions(learningRate, Seed, File.Tuning.TotalSteps(_tasks));

    private (IReadOnlyList<ParameterVector> Gradients, RowCost Cost) SensitivitiesOf(int samples)
    {
        if (_sensitivities.TryGetValue(samples, out var known)) return known;
        var cost = new RowCost("sensitivities");
        using var watch = cost.Watch();
        Action<int, ParameterVector, ParameterVector> estimate = _onTrain.Sensitivity(samples, Seed);
        var gradients = new List<ParameterVector>(_tasks.Length);
        for (int t = 0; t < _tasks.Length; t++)
        {
            Cancellation.ThrowIfCancellationRequested();
            Report($"sensitivities: {_tasks[t].Name}", t, _tasks.Length);
            gradients.Add(Own(new ParameterVector(Start.Device, Start.Layout)));
            estimate(t, Start, gradients[t]);
            cost.Examples += Math.Min(samples, _tasks[t].Dataset.Require("train").Count);
        }

        return _sensitivities[samples] = (gradients, cost);
    }

    private EvaluationResult Evaluate(ParameterVector model, int task, string split) =>
        Evaluator.Evaluate(Encoder, model, _tasks[task], split, ScoringBatch, cancellation: Cancellation);

    /// <summary>Optimizer steps that the file asks for, each on one batch of one task: what progress is measured by.</summary>
    private long StepsOf(ExperimentFile file)
    {
        long budget = TrainTasks.Sum(Budget.StepsFor), total = 0;
        bool experts = file.FixedLambda is not null || file.ConflictLambda is not null;
        foreach (MethodEntry method in file.Methods)
        {
            if (method.Rounds is { } rounds)
            {
                if (Rows.IsOneShot(rounds, file)) experts = true;
                else total += rounds.Rounds * (rounds.OnValidation ? ValidationTasks : TrainTasks).Sum(LengthOf(rounds).StepsFor);
            }
            else if (method.Kind == "joint")
            {
                total += TrainTasks.Max(Budget.StepsFor) * Math.Max(1, method.LearningRate.Count);
            }
            else
            {
                experts |= method.Kind != "pretrained";
            }
        }

        return total + (experts && file.Tasks[0].Tuned is null ? budget : 0);
    }
}
