using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>
/// The tuning loops over a real encoder: its tasks, its optimizers and TATR's sensitivities. One trainer, and with it one gradient and one
/// set of activations, serves all tasks.
/// </summary>
public sealed class EncoderTuning : IDisposable
{
    private readonly Trainer _trainer;
    private readonly TrainingTask[] _trained;

    /// <param name="encoder">The network; not owned, and its own parameters stay as they are.</param>
    /// <param name="options">Optimizer, batches, augmentation, clipping.</param>
    /// <param name="tasks">Data, split and head of every task. With the split <c>validation</c>, ATM is its post-hoc form.</param>
    /// <exception cref="Models.ModelException">Data, head and encoder do not fit each other.</exception>
    /// <exception cref="ArgumentException">The options make no sense.</exception>
    public EncoderTuning(Encoder encoder, TrainingOptions options, IReadOnlyList<TrainingTask> tasks)
    {
        foreach (TrainingTask task in tasks) task.Check(encoder, task.Split);
        _trained = [.. tasks];
        _trainer = new Trainer(encoder, options);
        Tasks = [.. _trained.Select(t => new EncoderTask(_trainer, t))];
    }

    /// <summary>For the loops, in the order given.</summary>
    public IReadOnlyList<ITuningTask> Tasks { get; }

    /// <summary>A fresh optimizer for one run, or for one task of it.</summary>
    public IParameterOptimizer CreateOptimizer() => new EncoderOptimizer(_trainer);

    /// <summary>
    /// Mean |per-sample gradient| of task k at given parameters, over exemplars that are drawn once from the task's split: what
    /// <see cref="AlternatingOptions.Sensitivity"/> wants.
    /// </summary>
    /// <param name="samples">Exemplars of each task; 128 in TATR's released code.</param>
    /// <param name="seed">Seed of the draw.</param>
    /// <param name="batchSize">Exemplars at a time.</param>
    public Action<int, ParameterVector, ParameterVector> Sensitivity(int samples, ulong seed, int batchSize = 64)
    {
        int[][] exemplars = [.. _trained.Select(t => GradientEstimator.DrawExemplars(t.Dataset.Require(t.Split).Count, samples, seed, t.Name))];
        return (task, parameters, output) => GradientEstimator.Estimate(
            _trainer.Encoder, parameters, _trained[task], exemplars[task], GradientReduction.AbsolutePerSample, output, batchSize);
    }

    public void Dispose() => _trainer.Dispose();

    private sealed class EncoderTask : ITuningTask
    {
        private readonly Trainer _trainer;
        private readonly TrainingTask _task;
        private readonly DataCursor _cursor;

        public EncoderTask(Trainer trainer, TrainingTask task)
        {
            _trainer = trainer;
            _task = task;
            _cursor = trainer.CreateCursor(task);
            StepsPerEpoch = _cursor.StepsPerEpoch;
        }

        public string Name => _task.Name;

        public int StepsPerEpoch { get; }

        public BatchResult Accumulate(ParameterVector parameters, long step, double weight)
        {
            (long epoch, long batch) = Math.DivRem(step, StepsPerEpoch);
            _cursor.Position = new DataPosition(checked((int)epoch), (int)batch * _cursor.BatchSize);
            ReadOnlySpan<int> samples = _cursor.Next(out int current);
            return new BatchResult(_trainer.Accumulate(_task, parameters, samples, current, weight), samples.Length);
        }
    }

    private sealed class EncoderOptimizer(Trainer trainer) : IParameterOptimizer
    {
        private readonly OptimizerState _state = trainer.CreateState();

        public void Reset() => _state.Reset();

        public void Step(ParameterVector parameters, long step) => trainer.Update(parameters, _state, checked((int)step));

        public void Dispose() => _state.Dispose();
    }
}
