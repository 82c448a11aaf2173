using System.Diagnostics;
using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Methods;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tuning;

/// <summary>
/// ATM, alternating tuning and merging: R times, every task is tuned from the current base, the task vectors from that base are merged,
/// and the result is the next base.
/// </summary>
/// <remarks>
/// Zhou et al., "ATM: improving model merging by alternating tuning and merging", arXiv 2411.03055. On training data it is the paper's
/// main form (PA-ATM); on validation data, from any merged model, it is the post-hoc form (PH-ATM): the tasks and the start decide.
/// <code>
/// for r in 1 … R:
///     for each task t, in order:      w_t ← tune(θ; next batches of t)        moments fresh, or those of task t
///     τ_t ← w_t − θ
///     θ ← θ + merge(τ)                the mean: θ + (1/T)·Σ_t τ_t
///     or, with an outer optimizer:    Δ ← merge(τ);  θ ← outer(θ, Δ)
/// </code>
/// Where the paper leaves a choice: task vectors are taken from the current base, which matters for every merge but the mean; a task's
/// data goes on where the last round stopped, so every epoch has its own order; schedules go by the whole run. Memory: θ, one vector for
/// each task, moments (two vectors, times T if kept), and Δ with the outer moments.
/// </remarks>
public static class AlternatingTuning
{
    /// <param name="tasks">The tasks.</param>
    /// <param name="start">Read only.</param>
    /// <param name="options">Rounds, merge step, outer optimizer.</param>
    /// <param name="optimizer">Makes an inner optimizer: called once, or once for each task where moments are kept.</param>
    /// <param name="context">Ledger, progress, cancellation.</param>
    /// <param name="observer">Evaluation and analysis by round.</param>
    /// <returns>The merged parameters; the caller owns them.</returns>
    /// <exception cref="ArgumentException">No tasks, two of one name, one without examples, or a merge step that lacks something.</exception>
    /// <exception cref="DivergenceException">A loss, or a weight after the last step, is not finite; all memory is given back.</exception>
    /// <exception cref="OperationCanceledException">Between two steps; all memory is given back.</exception>
    public static ParameterVector Run(
        IReadOnlyList<ITuningTask> tasks, ParameterVector start, AlternatingOptions options, Func<IParameterOptimizer> optimizer, TuningContext context, IAlternatingObserver? observer = null)
    {
        TuningChecks.Require(tasks);
        using var run = new RunState(tasks, start, options, optimizer, context);
        for (int round = 1; round <= options.Rounds; round++) run.Round(round, observer);
        return run.TakeResult();
    }

    private sealed class RunState : IDisposable
    {
        private readonly IReadOnlyList<ITuningTask> _tasks;
        private readonly AlternatingOptions _options;
        private readonly TuningContext _context;
        private readonly List<IDisposable> _owned = [];
        private readonly List<NamedModel> _tuned = [];
        private readonly List<IParameterOptimizer> _optimizers = [];
        private readonly List<ParameterVector> _sensitivities = [];
        private readonly TuningLoop _loop;
        private readonly ParameterVector? _delta;
        private readonly IOuterState? _outer;
        private ParameterVector? _base;

        public RunState(IReadOnlyList<ITuningTask> tasks, ParameterVector start, AlternatingOptions options, Func<IParameterOptimizer> optimizer, TuningContext context)
        {
            _tasks = tasks;
            _options = options;
            _context = context;
            bool sensitivities = options.Merge.NeedsGradients && tasks.Count > 1;
            if (sensitivities && options.Sensitivity is null)
                throw new ArgumentException($"The merge step '{options.Merge.Name}' needs the mean absolute gradient of every task in every round, and nothing computes it.", nameof(options));

            // What the merge step refuses, it refuses before the first round.
            options.Merge.Plan(new MergeShape(start.Device, tasks.Count, start.Layout.ParameterCount, sensitivities)).Dispose();
            try
            {
                _base = Own(start.Clone());
                foreach (ITuningTask task in tasks) _tuned.Add(new NamedModel(task.Name, Own(Zero(start))));
                for (int t = 0; t < (options.InnerState == InnerState.Kept ? tasks.Count : 1); t++) _optimizers.Add(Own(optimizer()));
                for (int t = 0; sensitivities && t < tasks.Count; t++) _sensitivities.Add(Own(Zero(start)));
                if (options.Outer is not null)
                {
                    _delta = Own(Zero(start));
                    _outer = Own(options.Outer.Start(start));
                }

                _loop = new TuningLoop(context, checked(options.Rounds * tasks.Sum(options.MergeEvery.StepsFor)));
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public void Round(int round, IAlternatingObserver? observer)
        {
            long start = Stopwatch.GetTimestamp();
            var losses = new double[_tasks.Count][];
            for (int t = 0; t < _tasks.Count; t++) losses[t] = Tune(t, round);

            // The tuned models become task vectors in their own memory, which stays this run's.
            TaskVectors taskVectors = TaskVectors.TakeModels(round == 1 ? "start" : $"merged model of round {round - 1}", _base!, _tuned);
            double[] norms = VectorGeometry.Norms(taskVectors);
            for (int t = 0; t < norms.Length; t++)
            {
                if (!double.IsFinite(norms[t])) throw DivergenceException.OfWeights(TuningChecks.Title(_context, _tasks[t]), $"step {round * _options.MergeEvery.StepsFor(_tasks[t])}");
            }

            TimeSpan spent = Stopwatch.GetElapsedTime(start);
            observer?.Tuned(round, taskVectors);

            start = Stopwatch.GetTimestamp();
            Merge(round);
            spent += Stopwatch.GetElapsedTime(start);
            observer?.Merged(new AlternatingRound(round, losses, norms, spent.TotalSeconds), _base!);
        }

        /// <summary>The merged model, which is no longer freed with the rest.</summary>
        public ParameterVector TakeResult()
        {
            ParameterVector result = _base!;
            DivergenceException.ThrowIfNotFinite(_context.Phase, result, "the last merge");
            _owned.Remove(result);
            _base = null;
            return result;
        }

        public void Dispose()
        {
            foreach (IDisposable owned in _owned) owned.Dispose();
            _owned.Clear();
        }

        private double[] Tune(int t, int round)
        {
            ITuningTask task = _tasks[t];
            long steps = _options.MergeEvery.StepsFor(task);
            var losses = new double[steps];
            IParameterOptimizer inner = _optimizers[_options.InnerState == InnerState.Kept ? t : 0];
            if (_options.InnerState == InnerState.Fresh) inner.Reset();
            _tuned[t].Parameters.CopyFrom(_base!);
            _loop.Run(task, _tuned[t].Parameters, inner, (round - 1) * steps, steps, losses);
            return losses;
        }

        private void Merge(int round)
        {
            long start = Stopwatch.GetTimestamp();
            ParameterVector[] taskVectors = [.. _tuned.Select(m => m.Parameters)];
            for (int t = 0; t < _sensitivities.Count; t++)
            {
                _context.Cancellation.ThrowIfCancellationRequested();
                _base!.Device.Operations.Fill(_sensitivities[t].Values, 0);
                _options.Sensitivity!(t, _base, _sensitivities[t]);
            }

            if (_outer is null)
            {
                InMemoryMerge.Run(_options.Merge, _base!, taskVectors, _base!, _sensitivities);
            }
            else
            {
                // From a base of zeros the merged model is the merged task vector.
                _base!.Device.Operations.Fill(_delta!.Values, 0);
                InMemoryMerge.Run(_options.Merge, _delta, taskVectors, _delta, _sensitivities);
                _outer.Step(_base, _delta, round);
            }

            _base!.Device.Synchronize();
            _context.Ledger.Add(_context.Phase, "", 0, 0, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        private static ParameterVector Zero(ParameterVector like) => new(like.Device, like.Layout);

        private T Own<T>(T value)
            where T : IDisposable
        {
            _owned.Add(value);
            return value;
        }
    }
}
