using System.Diagnostics.CodeAnalysis;
using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Experiments;

/// <summary>One line under <c>methods</c>: a name, alone or with options. Numbers given as a list are searched on the validation split.</summary>
public sealed record MethodEntry
{
    /// <summary>Every kind of method that an experiment knows.</summary>
    public static IReadOnlyList<string> Kinds { get; } =
    [
        "pretrained", "individual", "average", "task-arithmetic", "ties", "tatr", "tatr-zero-shot", "tatr-ties", "atm", "atm-momentum", "atm-post-hoc", "joint",
    ];

    /// <summary>One of <see cref="Kinds"/>.</summary>
    public required string Kind { get; init; }

    public required YamlPlace Place { get; init; }

    /// <summary>Name of the row in tables and results: the file's <c>name</c>, or the kind, or <c>atm-RxE</c> for R rounds of E epochs.</summary>
    [AllowNull]
    public string Name
    {
        get => field ?? (Kind == "atm" && Rounds is { } rounds ? $"atm-{rounds.Rounds}x{rounds.Every}{(rounds.CountsSteps ? "steps" : "")}" : Kind);
        init;
    }

    /// <summary>λ: factor of the (merged) task vectors.</summary>
    public IReadOnlyList<double> Lambda { get; init; } = [0.3];

    /// <summary>TATR: share of live coordinates that is kept.</summary>
    public IReadOnlyList<double> Rho { get; init; } = [0.99];

    /// <summary>TIES: share of each task vector that is kept.</summary>
    public double Density { get; init; } = 0.2;

    /// <summary>TATR: labelled training examples of a task.</summary>
    public int Samples { get; init; } = 128;

    /// <summary>Joint: learning rates; several are searched on validation.</summary>
    public IReadOnlyList<double> LearningRate { get; init; } = [];

    /// <summary>ATM: how it goes round.</summary>
    public RoundsEntry? Rounds { get; init; }

    /// <param name="value">The entry.</param>
    /// <param name="above">The entries above it, which it may start from.</param>
    internal static MethodEntry Read(YamlValue value, IReadOnlyList<MethodEntry> above)
    {
        (YamlScalar name, YamlMapping? options) = value switch
        {
            YamlScalar scalar => (scalar, null),
            YamlMapping { Entries.Count: 1 } map => (map.Entries[0].Key, map.Entries[0].Value as YamlMapping ?? Empty(map.Entries[0].Value)),
            _ => throw value.Error("a method is a name, or one name with options under it."),
        };
        string kind = name.Text;
        if (!Kinds.Contains(kind)) throw name.Error($"there is no method '{kind}'; known methods are {string.Join(", ", Kinds)}.");
        options ??= new YamlMapping(name.Place, []);
        var entry = new MethodEntry { Kind = kind, Place = name.Place, Name = options.Text("name") };
        entry = kind switch
        {
            "task-arithmetic" => entry with { Lambda = Lambdas(options, [0.3]) },
            "ties" => entry with { Lambda = Lambdas(options, [1.0]), Density = Density20(options) },
            "tatr" or "tatr-zero-shot" => entry with { Lambda = Lambdas(options, [0.3]), Rho = Rhos(options), Samples = SamplesOf(options) },
            "tatr-ties" => entry with { Lambda = Lambdas(options, [1.0]), Rho = Rhos(options), Samples = SamplesOf(options), Density = Density20(options) },
            "atm" or "atm-momentum" or "atm-post-hoc" => entry with { Rounds = RoundsEntry.Read(kind, options, above) },
            "joint" => entry with { LearningRate = options.Numbers("learning_rate", [], 0) },
            _ => entry,
        };
        options.Finish($"The method '{kind}'");
        if (entry.Name is { Length: 0 }) throw name.Error("the 'name' of a row is empty.");
        if (above.Any(other => other.Name == entry.Name)) throw name.Error($"the row '{entry.Name}' occurs twice; give one of them another 'name'.");
        return entry;
    }

    private static YamlMapping? Empty(YamlValue value) => value is YamlScalar { IsNull: true } ? null : throw value.Error($"options must be a mapping, found {value.Kind}.");

    private static IReadOnlyList<double> Lambdas(YamlMapping options, IReadOnlyList<double> fallback) => options.Numbers("lambda", fallback);

    private static IReadOnlyList<double> Rhos(YamlMapping options) => options.Numbers("rho", [0.99], 0, 1);

    private static double Density20(YamlMapping options) => options.NumberAbove("density", 0.2, 0, 1);

    private static int SamplesOf(YamlMapping options) => (int)options.Integer("samples", 128, 1, int.MaxValue);
}
