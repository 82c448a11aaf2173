using System.Globalization;
using System.Runtime.ExceptionServices;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Experiments;

/// <summary>Makes the rows of the table, one method at a time.</summary>
internal sealed class Rows(ExperimentContext context)
{
    private readonly List<RoundSeries> _rounds = [];
    private readonly Dictionary<MethodEntry, (ParameterVector Model, RowCost Cost)> _starts = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<MethodEntry, (DivergenceException Divergence, RowCost Cost)> _diverged = new(ReferenceEqualityComparer.Instance);

    /// <summary>Accuracy by round of the alternating methods that ran.</summary>
    public IReadOnlyList<RoundSeries> Rounds => _rounds;

    /// <summary>Makes a row; one whose training diverges is marked, as is every row that stands on it.</summary>
    public MethodResult Run(MethodEntry method)
    {
        var cost = new RowCost(method.Name);
        try
        {
            return Make(method, cost);
        }
        catch (DivergenceException e)
        {
            _diverged[method] = (e, cost);
            cost.Book();
            return Result(cost, _ => null, e.Finding);
        }
    }

    private MethodResult Make(MethodEntry method, RowCost cost) => method.Kind switch
    {
        "pretrained" => Score(cost, context.Start),
        "individual" => Individual(cost),
        "average" => OneShot(method, cost, (_, _) => new WeightAveraging(), [1], [1], sensitivities: false, []),
        "task-arithmetic" => OneShot(method, cost, (lambda, _) => new TaskArithmetic(lambda), method.Lambda, [1], sensitivities: false, ["lambda"]),
        "ties" => OneShot(method, cost, (lambda, _) => new Ties(method.Density, lambda), method.Lambda, [1], sensitivities: false, ["lambda"]),
        "tatr" => OneShot(method, cost, (lambda, rho) => new Tatr(new TrustRegion(rho), lambda), method.Lambda, method.Rho, sensitivities: true, ["lambda", "rho"]),
        "tatr-zero-shot" => OneShot(method, cost, (lambda, rho) => new Tatr(new TrustRegion(rho, zeroShot: true), lambda), method.Lambda, method.Rho, sensitivities: false, ["lambda", "rho"]),
        "tatr-ties" => OneShot(
            method, cost, (lambda, rho) => new InTrustRegion(new TrustRegion(rho), new Ties(method.Density, lambda)), method.Lambda, method.Rho, sensitivities: true, ["lambda", "rho"]),
        "joint" => Joint(method, cost),
        _ => RunAlternating(method, cost, null),
    };

    /// <summary>Task arithmetic and TATR at one λ; only ρ is chosen, on validation.</summary>
    public FixedCoefficientResult Compare(FixedComparison comparison)
    {
        var entry = new MethodEntry { Kind = "tatr", Place = default, Lambda = [comparison.Lambda], Rho = comparison.Rho };
        var rows = new List<MethodResult> { Run(entry with { Kind = "task-arithmetic" }), Run(entry) };
        foreach (double rho in comparison.Rho) rows.Add(Run(entry with { Name = string.Create(CultureInfo.InvariantCulture, $"tatr-{rho}"), Rho = [rho] }));
        return new FixedCoefficientResult(comparison.Lambda, rows);
    }

    private MethodResult Individual(RowCost cost)
    {
        Experts experts = StandOnExperts(cost);
        return Score(cost, t => experts.Accuracy[t]);
    }

    /// <summary>The individual models, whose cost is the row's too, also where they have diverged.</summary>
    private Experts StandOnExperts(RowCost cost)
    {
        try
        {
            return context.Experts;
        }
        finally
        {
            cost.Add(context.ExpertsCost);
        }
    }

    /// <summary>Merges the individual models once, for every λ and ρ that the file lists, and keeps the best on validation.</summary>
    private MethodResult OneShot(
        MethodEntry method, RowCost cost, Func<double, double, MergeMethod> make, IReadOnlyList<double> lambdas, IReadOnlyList<double> rhos, bool sensitivities, IReadOnlyList<string> names)
    {
        Experts experts = StandOnExperts(cost);
        IReadOnlyList<ParameterVector>? gradients = null;
        if (sensitivities)
        {
            gradients = context.Sensitivities(method.Samples);
            cost.Add(context.SensitivityCost(method.Samples));
        }

        ParameterVector merged;
        double lambda, rho;
        using (cost.Watch())
        {
            (lambda, rho, cost.Validation) = Search(method, make, lambdas, rhos, gradients);
            merged = context.Own(experts.TaskVectors.Merge(make(lambda, rho), gradients));
        }

        foreach (string name in names) cost.Parameters[name] = name == "lambda" ? lambda : rho;
        if (names.Contains("lambda") && lambdas.Count > 1) cost.Searched.Add("lambda");
        if (names.Contains("rho") && rhos.Count > 1) cost.Searched.Add("rho");
        return Finish(method, cost, merged);
    }

    private (double Lambda, double Rho, double? Validation) Search(
        MethodEntry method, Func<double, double, MergeMethod> make, IReadOnlyList<double> lambdas, IReadOnlyList<double> rhos, IReadOnlyList<ParameterVector>? gradients)
    {
        if (lambdas.Count * rhos.Count == 1) return (lambdas[0], rhos[0], null);
        (double Lambda, double Rho, double? Validation) best = (lambdas[0], rhos[0], null);
        using var merged = new ParameterVector(context.Start.Device, context.Start.Layout);
        long done = 0;
        foreach (double rho in rhos)
        {
            foreach (double lambda in lambdas)
            {
                context.Report($"{method.Name}: searching", done++, lambdas.Count * rhos.Count);
                InMemoryMerge.Run(make(lambda, rho), context.Start, context.Experts.TaskVectors.Vectors, merged, gradients);
                double score = context.MeanAccuracy(merged, "validation");
                if (double.IsFinite(score) && (best.Validation is null || score > best.Validation)) best = (lambda, rho, score);
            }
        }

        return best;
    }

    private MethodResult Joint(MethodEntry method, RowCost cost)
    {
        IReadOnlyList<double> rates = method.LearningRate.Count > 0 ? method.LearningRate : [context.File.Tuning.LearningRate];
        (ParameterVector? Model, double Validation, double Rate) best = default;
        DivergenceException? diverged = null;
        foreach (double rate in rates)
        {
            using EncoderTuning tuning = context.At(rate);
            ParameterVector model;
            try
            {
                model = context.Own(JointTuning.Run(tuning.Tasks, context.Start, context.Budget, tuning.CreateOptimizer, context.Tuning(cost)));
            }
            catch (DivergenceException e) when (rates.Count > 1)
            {
                // One of several rates that are searched may be too high; it is not the one that is chosen.
                diverged = e;
                continue;
            }

            double validation = rates.Count > 1 ? context.MeanAccuracy(model, "validation") : 0;
            if (!double.IsFinite(validation))
            {
                diverged = DivergenceException.OfScore(method.Name, "validation");
                context.Release(model);
            }
            else if (best.Model is null || validation > best.Validation)
            {
                if (best.Model is not null) context.Release(best.Model);
                best = (model, validation, rate);
            }
            else
            {
                context.Release(model);
            }
        }

        if (best.Model is null) ExceptionDispatchInfo.Throw(diverged!);
        cost.Book();
        cost.Parameters["learning_rate"] = best.Rate;
        if (rates.Count > 1)
        {
            cost.Searched.Add("learning_rate");
            cost.Validation = best.Validation;
        }

        return Finish(method, cost, best.Model);
    }

    /// <summary>ATM in any form.</summary>
    /// <param name="method">How it goes round.</param>
    /// <param name="cost">Gets what it costs.</param>
    /// <param name="use">Called with the merged model; it must not be kept.</param>
    /// <exception cref="DivergenceException">It diverges, or what it goes on from has.</exception>
    public MethodResult RunAlternating(MethodEntry method, RowCost cost, Action<ParameterVector>? use)
    {
        RoundsEntry rounds = method.Rounds!;
        ParameterVector start = context.Start;
        if (rounds.Start is { } source)
        {
            if (_diverged.TryGetValue(source, out var failed))
            {
                cost.Add(failed.Cost);
                ExceptionDispatchInfo.Throw(failed.Divergence);
            }

            if (!_starts.ContainsKey(source)) Make(source, new RowCost(source.Name));
            (start, RowCost spent) = _starts[source];
            cost.Add(spent);
        }

        var series = new RoundObserver(context, method.Name, rounds, start);
        ParameterVector merged;
        if (IsOneShot(rounds, context.File))
        {
            // One round from the pre-trained model is the mean of the individual models, to the bit: they are not tuned twice.
            merged = context.Own(StandOnExperts(cost).TaskVectors.Merge(new WeightAveraging()));
            series.Add(1, merged);
        }
        else
        {
            IReadOnlyList<ITuningTask> tasks = rounds.OnValidation ? context.ValidationTasks : context.TrainTasks;
            merged = context.Own(AlternatingTuning.Run(tasks, start, context.Alternating(rounds), context.Optimizer(rounds.OnValidation), context.Tuning(cost), series));
            cost.Book();
        }

        cost.Parameters["rounds"] = rounds.Rounds;
        if (rounds.Outer != "none") cost.Parameters["outer_momentum"] = rounds.OuterMomentum;
        if (rounds.Outer == "adam") cost.Parameters["outer_learning_rate"] = rounds.OuterLearningRate;
        use?.Invoke(merged);
        MethodResult result = Finish(method, cost, merged);
        _rounds.Add(series.Series);
        return result;
    }

    /// <summary>One round from the pre-trained model with the whole budget: the one-shot merge of the individual models.</summary>
    public static bool IsOneShot(RoundsEntry rounds, ExperimentFile file) =>
        rounds is { Rounds: 1, OnValidation: false, Outer: "none", Merge: "mean", Alpha: null, CountsSteps: false, Start: null } && rounds.Every == file.Tuning.Epochs
        && file.Tasks[0].Tuned is null;

    /// <summary>Scores a model that the context owns, and frees it unless a later row goes on from it.</summary>
    private MethodResult Finish(MethodEntry method, RowCost cost, ParameterVector model)
    {
        MethodResult result;
        try
        {
            result = Score(cost, model);
        }
        catch (DivergenceException)
        {
            context.Release(model);
            throw;
        }

        if (context.File.Methods.Any(m => ReferenceEquals(m.Rounds?.Start, method))) _starts[method] = (model, cost);
        else context.Release(model);
        return result;
    }

    private MethodResult Score(RowCost cost, ParameterVector model) => Score(cost, t => context.Accuracy(cost.Name, model, t));

    private MethodResult Score(RowCost cost, Func<int, double?> accuracyOfTask)
    {
        MethodResult result = Result(cost, accuracyOfTask, null);
        context.Report($"{cost.Name}: scored", 1, 1);
        return result;
    }

    private MethodResult Result(RowCost cost, Func<int, double?> accuracyOfTask, string? diverged)
    {
        var accuracy = new Dictionary<string, double?>(StringComparer.Ordinal);
        for (int t = 0; t < context.File.Tasks.Count; t++) accuracy[context.File.Tasks[t].Name] = accuracyOfTask(t);
        return new MethodResult
        {
            Name = cost.Name,
            Accuracy = accuracy,
            Average = accuracy.Values.Average(),
            Diverged = diverged,
            Seconds = cost.Seconds,
            Steps = cost.Steps,
            Examples = cost.Examples,
            Parameters = cost.Parameters,
            Searched = cost.Searched,
            Validation = cost.Validation,
        };
    }
}
