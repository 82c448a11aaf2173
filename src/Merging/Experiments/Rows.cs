using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Experiments;

/// <summary>Makes the rows of the table, one method at a time.</summary>
internal sealed class Rows(ExperimentContext context)
{
    private readonly List<RoundSeries> _rounds = [];
    private readonly Dictionary<string, ParameterVector> _models = new(StringComparer.Ordinal);

    /// <summary>Accuracy by round of the alternating methods that ran.</summary>
    public IReadOnlyList<RoundSeries> Rounds => _rounds;

    public MethodResult Run(MethodEntry method) => method.Kind switch
    {
        "pretrained" => Score(new RowCost(method.Kind), context.Start),
        "individual" => Individual(),
        "average" => OneShot(method, (_, _) => new WeightAveraging(), [1], [1], sensitivities: false, []),
        "task-arithmetic" => OneShot(method, (lambda, _) => new TaskArithmetic(lambda), method.Lambda, [1], sensitivities: false, ["lambda"]),
        "ties" => OneShot(method, (lambda, _) => new Ties(method.Density, lambda), method.Lambda, [1], sensitivities: false, ["lambda"]),
        "tatr" => OneShot(method, (lambda, rho) => new Tatr(new TrustRegion(rho), lambda), method.Lambda, method.Rho, sensitivities: true, ["lambda", "rho"]),
        "tatr-zero-shot" => OneShot(method, (lambda, rho) => new Tatr(new TrustRegion(rho, zeroShot: true), lambda), method.Lambda, method.Rho, sensitivities: false, ["lambda", "rho"]),
        "tatr-ties" => OneShot(
            method, (lambda, rho) => new InTrustRegion(new TrustRegion(rho), new Ties(method.Density, lambda)), method.Lambda, method.Rho, sensitivities: true, ["lambda", "rho"]),
        "joint" => Joint(method),
        _ => RunAlternating(method, null),
    };

    /// <summary>Task arithmetic and TATR at one λ; only ρ is chosen, on validation.</summary>
    public FixedCoefficientResult Compare(FixedComparison comparison)
    {
        var entry = new MethodEntry { Kind = "tatr", Place = default, Lambda = [comparison.Lambda], Rho = comparison.Rho };
        var rows = new List<MethodResult>
        {
            OneShot(entry with { Kind = "task-arithmetic" }, (lambda, _) => new TaskArithmetic(lambda), entry.Lambda, [1], sensitivities: false, ["lambda"]),
            OneShot(entry, (lambda, rho) => new Tatr(new TrustRegion(rho), lambda), entry.Lambda, entry.Rho, sensitivities: true, ["lambda", "rho"]),
        };
        foreach (double rho in comparison.Rho)
            rows.Add(OneShot(entry with { Kind = $"tatr-{rho:0.###}" }, (lambda, r) => new Tatr(new TrustRegion(r), lambda), entry.Lambda, [rho], sensitivities: true, ["lambda", "rho"]));
        return new FixedCoefficientResult(comparison.Lambda, rows);
    }

    private MethodResult Individual()
    {
        var cost = new RowCost("individual");
        Experts experts = context.Experts;
        cost.Add(experts.Cost);
        return Score(cost, t => experts.Model(t));
    }

    /// <summary>Merges the individual models once, for every λ and ρ that the file lists, and keeps the best on validation.</summary>
    private MethodResult OneShot(
        MethodEntry method, Func<double, double, MergeMethod> make, IReadOnlyList<double> lambdas, IReadOnlyList<double> rhos, bool sensitivities, IReadOnlyList<string> names)
    {
        var cost = new RowCost(method.Kind);
        cost.Add(context.Experts.Cost);
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
            merged = Keep(method.Kind, context.Experts.TaskVectors.Merge(make(lambda, rho), gradients));
        }

        foreach (string name in names) cost.Parameters[name] = name == "lambda" ? lambda : rho;
        if (names.Contains("lambda") && lambdas.Count > 1) cost.Searched.Add("lambda");
        if (names.Contains("rho") && rhos.Count > 1) cost.Searched.Add("rho");
        return Score(cost, merged);
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
                context.Report($"{method.Kind}: searching", done++, lambdas.Count * rhos.Count);
                InMemoryMerge.Run(make(lambda, rho), context.Start, context.Experts.TaskVectors.Vectors, merged, gradients);
                double score = context.MeanAccuracy(merged, "validation");
                if (best.Validation is null || score > best.Validation) best = (lambda, rho, score);
            }
        }

        return best;
    }

    private MethodResult Joint(MethodEntry method)
    {
        IReadOnlyList<double> rates = method.LearningRate.Count > 0 ? method.LearningRate : [context.File.Tuning.LearningRate];
        var cost = new RowCost("joint");
        (ParameterVector? Model, double Validation, double Rate) best = default;
        foreach (double rate in rates)
        {
            using EncoderTuning tuning = context.At(rate);
            ParameterVector model = JointTuning.Run(tuning.Tasks, context.Start, context.Budget, tuning.CreateOptimizer, context.Tuning(cost));
            double validation = rates.Count > 1 ? context.MeanAccuracy(model, "validation") : 0;
            if (best.Model is null || validation > best.Validation)
            {
                best.Model?.Dispose();
                best = (model, validation, rate);
            }
            else
            {
                model.Dispose();
            }
        }

        cost.Book();
        cost.Parameters["learning_rate"] = best.Rate;
        if (rates.Count > 1)
        {
            cost.Searched.Add("learning_rate");
            cost.Validation = best.Validation;
        }

        return Score(cost, Keep("joint", best.Model!));
    }

    /// <summary>ATM in any form.</summary>
    /// <param name="method">How it goes round.</param>
    /// <param name="use">Called with the merged model; it must not be kept.</param>
    public MethodResult RunAlternating(MethodEntry method, Action<ParameterVector>? use)
    {
        RoundsEntry rounds = method.Rounds!;
        string name = method.Name;
        var cost = new RowCost(name);
        ParameterVector start = context.Start;
        if (method.Kind == "atm-post-hoc" && rounds.Start != "pretrained")
        {
            if (!_models.TryGetValue(rounds.Start, out ParameterVector? model))
            {
                MethodEntry? source = context.File.Methods.FirstOrDefault(m => m.Kind == rounds.Start);
                if (source is null) throw new Yaml.YamlException(method.Place, $"'start' names '{rounds.Start}', which is not a method of this experiment.");
                Run(source);
                model = _models[rounds.Start];
            }

            start = model;
            cost.Add(context.Experts.Cost);
        }

        var series = new RoundObserver(context, name, rounds, start);
        ParameterVector merged;
        if (IsOneShot(rounds, context.File))
        {
            // One round from the pre-trained model is the mean of the individual models, to the bit: they are not tuned twice.
            cost.Add(context.Experts.Cost);
            merged = context.Experts.TaskVectors.Merge(new WeightAveraging());
            series.Add(1, merged);
        }
        else
        {
            IReadOnlyList<ITuningTask> tasks = rounds.OnValidation ? context.ValidationTasks : context.TrainTasks;
            merged = AlternatingTuning.Run(tasks, start, context.Alternating(rounds), context.Optimizer(rounds.OnValidation), context.Tuning(cost), series);
            cost.Book();
        }

        _rounds.Add(series.Series);
        cost.Parameters["rounds"] = rounds.Rounds;
        if (rounds.Outer != "none") cost.Parameters["outer_momentum"] = rounds.OuterMomentum;
        use?.Invoke(merged);
        return Score(cost, Keep(name, merged));
    }

    /// <summary>One round from the pre-trained model with the whole budget: the one-shot merge of the individual models.</summary>
    public static bool IsOneShot(RoundsEntry rounds, ExperimentFile file) =>
        rounds is { Rounds: 1, OnValidation: false, Outer: "none", Merge: "mean", Alpha: null, CountsSteps: false, Start: "pretrained" } && rounds.Every == file.Tuning.Epochs;

    private MethodResult Score(RowCost cost, ParameterVector model) => Score(cost, _ => model);

    private MethodResult Score(RowCost cost, Func<int, ParameterVector> modelOfTask)
    {
        var accuracy = new Dictionary<string, double>(StringComparer.Ordinal);
        for (int t = 0; t < context.File.Tasks.Count; t++) accuracy[context.File.Tasks[t].Name] = context.Accuracy(modelOfTask(t), t, "test");
        context.Report($"{cost.Name}: scored", 1, 1);
        return new MethodResult
        {
            Name = cost.Name,
            Accuracy = accuracy,
            Average = accuracy.Values.Average(),
            Seconds = cost.Seconds,
            Steps = cost.Steps,
            Examples = cost.Examples,
            Parameters = cost.Parameters,
            Searched = cost.Searched,
            Validation = cost.Validation,
        };
    }

    /// <summary>Keeps a merged model for methods that go on from it; the context frees it at the end.</summary>
    private ParameterVector Keep(string name, ParameterVector model)
    {
        context.Own(model);
        _models[name] = model;
        return model;
    }
}
