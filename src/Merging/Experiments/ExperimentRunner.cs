using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Experiments;

/// <summary>
/// Runs an experiment: every method of the file in order, each scored on the test split of every task. What methods share (the
/// individual models, the sensitivities) is made once, when the first method needs it, and booked on every method that stands on it.
/// Training that diverges costs its own row and those that stand on it: they are marked, and the others stand.
/// </summary>
public static class ExperimentRunner
{
    /// <summary>Runs everything.</summary>
    /// <param name="device">Where; the result is the same with any number of threads.</param>
    /// <param name="file">What.</param>
    /// <param name="options">Seed, progress, cancellation.</param>
    /// <exception cref="Models.ModelException">Model, head and data do not fit together.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static ExperimentResult Run(Device device, ExperimentFile file, ExperimentOptions options)
    {
        using var context = new ExperimentContext(device, file, options);
        var rows = new Rows(context);
        var results = new List<MethodResult>(file.Methods.Count);
        foreach (MethodEntry method in file.Methods) results.Add(rows.Run(method));
        FixedCoefficientResult? fixedLambda = file.FixedLambda is { } comparison ? rows.Compare(comparison) : null;
        (TaskVectorAnalysis? analysis, string? diverged) = file.ConflictLambda is { } lambda ? Analyze(context, lambda) : default;
        return new ExperimentResult
        {
            Name = file.Name,
            Seed = context.Seed,
            Tasks = [.. file.Tasks.Select(t => t.Name)],
            Methods = results,
            FixedCoefficient = fixedLambda,
            Rounds = rows.Rounds,
            Analysis = analysis,
            AnalysisDiverged = diverged,
            Settings = ExperimentSettings.Of(file, context),
        };
    }

    /// <summary>Runs one alternating method of the file alone and gives the merged model.</summary>
    /// <param name="device">Where.</param>
    /// <param name="file">What; it needs at least one method of the kinds <c>atm…</c>.</param>
    /// <param name="options">Seed, progress, cancellation.</param>
    /// <param name="save">Called with the context's encoder and the merged parameters.</param>
    /// <param name="name">Name of the row, such as <c>atm-10x1</c>; null takes the first that goes more than one round, else the first.</param>
    /// <exception cref="Yaml.YamlException">The file has no such method.</exception>
    /// <exception cref="DivergenceException">The tuning of the method diverges: a loss, or a weight after the last step, is not finite.</exception>
    public static ExperimentResult RunAlternating(
        Device device, ExperimentFile file, ExperimentOptions options, Action<Models.Encoders.Encoder, ParameterVector> save, string? name = null)
    {
        MethodEntry method = FindAlternating(file, name);
        var alone = new List<MethodEntry>();
        for (MethodEntry? entry = method; entry is not null; entry = entry.Rounds?.Start) alone.Insert(0, entry);
        using var context = new ExperimentContext(device, file with { Methods = alone, FixedLambda = null, ConflictLambda = null }, options);
        var rows = new Rows(context);
        MethodResult row = rows.RunAlternating(method, new RowCost(method.Name), merged => save(context.Encoder, merged));
        return new ExperimentResult
        {
            Name = file.Name,
            Seed = context.Seed,
            Tasks = [.. file.Tasks.Select(t => t.Name)],
            Methods = [row],
            Rounds = rows.Rounds,
            Settings = ExperimentSettings.Of(file, context),
        };
    }

    private static (TaskVectorAnalysis? Analysis, string? Diverged) Analyze(ExperimentContext context, double lambda)
    {
        try
        {
            return (Analyses.Of(context, lambda), null);
        }
        catch (DivergenceException e)
        {
            return (null, e.Finding);
        }
    }

    private static MethodEntry FindAlternating(ExperimentFile file, string? name)
    {
        MethodEntry[] methods = [.. file.Methods.Where(m => m.Rounds is not null)];
        var place = new Yaml.YamlPlace(file.Path, 1, 1);
        if (methods.Length == 0) throw new Yaml.YamlException(place, "the experiment lists no method of the kinds atm, atm-momentum or atm-post-hoc.");
        if (name is null) return methods.FirstOrDefault(m => m.Rounds!.Rounds > 1) ?? methods[0];
        return methods.FirstOrDefault(m => m.Name == name)
            ?? throw new Yaml.YamlException(place, $"the experiment has no alternating method '{name}'; it has {string.Join(", ", methods.Select(m => m.Name))}.");
    }
}
