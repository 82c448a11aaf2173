using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Tuning;

/// <summary>What the loops do with rounds, data, moments, merge steps, outer optimizers, costs and interruptions.</summary>
public sealed class AlternatingTuningTests : IDisposable
{
    private readonly Device _device = Device.Open("cpu", 1);

    private readonly GradientSum _sum = new();

    private readonly AnalyticTask[] _tasks;

    private readonly List<Descent> _optimizers = [];

    public AlternatingTuningTests() => _tasks =
        [new(_sum, "a", 1) { BatchNoise = 0.3 }, new(_sum, "b", 2) { BatchNoise = 0.2, StepsPerEpoch = 3 }, new(_sum, "c", 3)];

    public static TheoryData<string> MergeSteps => ["average", "ties", "tatr", "tatr-zero-shot", "tatr-ties"];

    [Theory, MemberData(nameof(MergeSteps))]
    public void One_round_is_individual_tuning_and_a_merge_bit_for_bit(string name)
    {
        MergeMethod method = Method(name);
        using ParameterVector start = AnalyticTask.Vector(_device, 0.1, 0.2, -0.3);
        using ParameterVector merged = Run(start, new AlternatingOptions(1, TuningLength.Steps(5)) { Merge = method, Sensitivity = Sensitivity });
        var models = IndividualTuning.Run(_tasks, start, TuningLength.Steps(5), Optimizer, Context());
        using TaskVectors taskVectors = TaskVectors.TakeModels("start", start, models);
        ParameterVector[] gradients = [.. _tasks.Select((_, t) => Sensitivity(t, start))];
        using ParameterVector expected = taskVectors.Merge(method, gradients);
        Assert.Equal(expected.Values.HostSpan.ToArray(), merged.Values.HostSpan.ToArray());
        Assert.NotEqual(start.Values.HostSpan.ToArray(), merged.Values.HostSpan.ToArray());
        foreach (ParameterVector gradient in gradients) gradient.Dispose();
    }

    /// <summary>Every round by hand: task vectors and sensitivities from the current base, data that goes on.</summary>
    [Theory, MemberData(nameof(MergeSteps))]
    public void Every_round_starts_from_the_merge_of_the_last_and_goes_on_with_the_data(string name)
    {
        MergeMethod method = Method(name);
        using ParameterVector start = AnalyticTask.Vector(_device, 0.1, 0.2, -0.3);
        using ParameterVector merged = Run(start, new AlternatingOptions(4, TuningLength.Epochs(2)) { Merge = method, Sensitivity = Sensitivity });
        Assert.All(_tasks, t => Assert.Equal(Enumerable.Range(0, 8 * t.StepsPerEpoch).Select(s => (long)s), t.Steps));

        using ParameterVector theta = start.Clone();
        var descent = new Descent(_sum, 0.2);
        for (int round = 0; round < 4; round++)
        {
            NamedModel[] models = [.. _tasks.Select(t => new NamedModel(t.Name, theta.Clone()))];
            for (int t = 0; t < models.Length; t++)
            {
                for (int s = 0; s < 2 * _tasks[t].StepsPerEpoch; s++)
                {
                    _tasks[t].Accumulate(models[t].Parameters, (round * 2 * _tasks[t].StepsPerEpoch) + s, 1);
                    descent.Step(models[t].Parameters, s);
                }
            }

            using TaskVectors taskVectors = TaskVectors.TakeModels("base", theta, models);
            ParameterVector[] gradients = [.. _tasks.Select((_, t) => Sensitivity(t, theta))];
            using ParameterVector next = taskVectors.Merge(method, gradients);
            theta.CopyFrom(next);
            foreach (ParameterVector g in gradients) g.Dispose();
        }

        Assert.Equal(theta.Values.HostSpan.ToArray(), merged.Values.HostSpan.ToArray());
    }

    [Fact]
    public void Fresh_moments_are_reset_for_every_task_and_round_and_kept_ones_only_at_first()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        Run(start, new AlternatingOptions(4, TuningLength.Steps(2))).Dispose();
        Descent shared = Assert.Single(_optimizers);
        Assert.Equal(12, shared.Resets);
        Assert.True(shared.Disposed);

        _optimizers.Clear();
        Run(start, new AlternatingOptions(4, TuningLength.Steps(2)) { InnerState = InnerState.Kept }).Dispose();
        Assert.Equal(3, _optimizers.Count);
        Assert.All(_optimizers, o => Assert.Equal(0, o.Resets));

        // Schedules go by the whole run either way.
        Assert.All(_optimizers, o => Assert.Equal(Enumerable.Range(0, 8).Select(s => (long)s), o.Steps));
    }

    [Fact]
    public void The_observer_sees_tuned_then_merged_in_every_round_with_norms_and_losses()
    {
        using ParameterVector start = AnalyticTask.Vector(_device, 0.5);
        var seen = new List<string>();
        var rounds = new List<AlternatingRound>();
        Run(start, new AlternatingOptions(2, TuningLength.Steps(3)), new RoundRecorder(
            r => { seen.Add($"merged {r.Number}"); rounds.Add(r); },
            v => seen.Add($"tuned from {v.BaseName}: {string.Join(" ", v.Names)}, {Math.Sqrt(AnalyticTask.Read(v.Vectors[0]).Sum(x => x * x)):F6}"),
            _ => { })).Dispose();
        Assert.Equal(
            [
                $"tuned from start: a b c, {rounds[0].Norms[0]:F6}", "merged 1",
                $"tuned from merged model of round 1: a b c, {rounds[1].Norms[0]:F6}", "merged 2",
            ],
            seen);
        Assert.Equal(_tasks[1].Loss(AnalyticTask.Read(start)), rounds[0].Losses[1][0], 1e-6);
        Assert.All(rounds, r => Assert.All(r.Losses, l => Assert.Equal(3, l.Length)));
    }

    [Fact]
    public void The_ledger_counts_examples_and_steps_and_progress_counts_to_the_end()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        var context = new TuningContext("atm", new Ledger(), new Watcher());
        AlternatingTuning.Run(_tasks, start, new AlternatingOptions(3, TuningLength.Epochs(2)), Optimizer, context).Dispose();
        Assert.Equal(
            [("atm", "a", 240L, 24L), ("atm", "b", 180L, 18L), ("atm", "c", 240L, 24L), ("atm", "", 0L, 0L)],
            context.Ledger.Entries.Select(e => (e.Phase, e.Task, e.Examples, e.Steps)));
        Assert.Equal(66, context.Ledger.Total("atm").Steps);
        var watched = (Watcher)context.Progress!;
        Assert.Equal(Enumerable.Range(1, 66).Select(i => (long)i), watched.Seen.Select(p => p.Done));
        Assert.All(watched.Seen, p => Assert.Equal(66, p.Total));

        JointTuning.Run(_tasks, start, TuningLength.Epochs(2), Optimizer, context with { Phase = "joint" }).Dispose();
        Assert.Equal(new LedgerEntry("joint", "", 240, 8, 0), context.Ledger.Total("joint") with { Seconds = 0 });
        foreach (NamedModel model in IndividualTuning.Run(_tasks, start, TuningLength.Epochs(2), Optimizer, context with { Phase = "individual" })) model.Parameters.Dispose();
        Assert.Equal(new LedgerEntry("individual", "", 220, 22, 0), context.Ledger.Total("individual") with { Seconds = 0 });
    }

    [Fact]
    public void Cancelling_stops_between_steps_frees_all_memory_and_books_what_was_done()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        long before = _device.AllocatedBytes;
        foreach (string phase in new[] { "individual", "joint", "atm" })
        {
            using var source = new CancellationTokenSource();
            var context = new TuningContext(phase, new Ledger(), new Watcher { Stop = p => { if (p.Done == 7) source.Cancel(); } }, source.Token);
            Assert.Throws<OperationCanceledException>(() =>
            {
                switch (phase)
                {
                    case "individual": IndividualTuning.Run(_tasks, start, TuningLength.Steps(5), Optimizer, context); break;
                    case "joint": JointTuning.Run(_tasks, start, TuningLength.Steps(9), Optimizer, context); break;
                    default: AlternatingTuning.Run(_tasks, start, new AlternatingOptions(2, TuningLength.Steps(5)) { Outer = new AdamOuterOptimizer(0.1) }, Optimizer, context); break;
                }
            });
            Assert.Equal(7, context.Ledger.Total(phase).Steps);
            Assert.Equal(before, _device.AllocatedBytes);
            Assert.All(_optimizers, o => Assert.True(o.Disposed));
        }
    }

    [Fact]
    public void A_step_allocates_nothing_but_its_place_in_the_losses()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        var still = new Still();
        long Allocated(int steps)
        {
            var context = new TuningContext("test", new Ledger(), new Silence());
            long before = GC.GetAllocatedBytesForCurrentThread();
            AlternatingTuning.Run([still], start, new AlternatingOptions(2, TuningLength.Steps(steps)), () => still, context).Dispose();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Allocated(300);
        Assert.Equal(2 * 200 * sizeof(double), Allocated(300) - Allocated(100));
    }

    [Fact]
    public void Bad_settings_are_refused()
    {
        using ParameterVector start = AnalyticTask.Vector(_device);
        BadInputTests.Refused("Alternating tuning has 0 rounds, expected at least 1.", () => new AlternatingOptions(0, TuningLength.Steps(1)));
        BadInputTests.Refused("A tuning length is 0 epochs, expected at least 1.", () => TuningLength.Epochs(0));
        BadInputTests.Refused("A tuning length is -3 steps, expected at least 1.", () => TuningLength.Steps(-3));
        BadInputTests.Refused("The outer momentum μ is 1, expected a number from 0 to below 1.", () => new NesterovOuterOptimizer(1));
        BadInputTests.Refused("The outer learning rate is NaN, expected a finite number above 0.", () => new AdamOuterOptimizer(double.NaN));
        BadInputTests.Refused("No tasks were given: tuning needs at least one.", () => JointTuning.Run([], start, TuningLength.Steps(1), Optimizer, Context()));
        BadInputTests.Refused("Two tasks are called 'a'.", () => JointTuning.Run([_tasks[0], _tasks[0]], start, TuningLength.Steps(1), Optimizer, Context()));
        BadInputTests.Refused(
            "The task 'empty' has no training examples in its split.",
            () => IndividualTuning.Run([new AnalyticTask(_sum, "empty", 1) { StepsPerEpoch = 0 }], start, TuningLength.Steps(1), Optimizer, Context()));
        BadInputTests.Refused(
            "The merge step 'tatr' needs the mean absolute gradient of every task in every round, and nothing computes it.",
            () => Run(start, new AlternatingOptions(1, TuningLength.Steps(1)) { Merge = Method("tatr") }));
        BadInputTests.Refused(
            "2 coefficients λ were given for 3 task vectors: expected one for all, or one for each.",
            () => Run(start, new AlternatingOptions(1, TuningLength.Steps(1)) { Merge = new TaskArithmetic(new Coefficients(1, 2)) }));
        Assert.All(_tasks, t => Assert.Empty(t.Steps));
    }

    public void Dispose()
    {
        Assert.Equal(0, _device.AllocatedBytes);
        _device.Dispose();
    }

    private static MergeMethod Method(string name) => name switch
    {
        "average" => new WeightAveraging(),
        "ties" => new Ties(0.5, 0.8),
        "tatr" => new Tatr(new TrustRegion(0.6), 0.4),
        "tatr-zero-shot" => new Tatr(new TrustRegion(0.6, zeroShot: true), 0.4),
        _ => new InTrustRegion(new TrustRegion(0.6), new Ties(0.5, 0.8)),
    };

    private static TuningContext Context() => new("test", new Ledger());

    private ParameterVector Run(ParameterVector start, AlternatingOptions options, IAlternatingObserver? observer = null) =>
        AlternatingTuning.Run(_tasks, start, options, Optimizer, Context(), observer);

    private Descent Optimizer()
    {
        _optimizers.Add(new Descent(_sum, 0.2));
        return _optimizers[^1];
    }

    private void Sensitivity(int task, ParameterVector parameters, ParameterVector output)
    {
        double[] gradient = _tasks[task].Gradient(AnalyticTask.Read(parameters));
        for (int i = 0; i < gradient.Length; i++) output.Values.HostSpan[i] += (float)Math.Abs(gradient[i]);
    }

    private ParameterVector Sensitivity(int task, ParameterVector parameters)
    {
        var output = new ParameterVector(_device, AnalyticTask.Layout);
        Sensitivity(task, parameters, output);
        return output;
    }

}
