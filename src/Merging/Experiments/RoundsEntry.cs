using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Experiments;

/// <summary>How ATM alternates: how much tuning between two merges, how often, what the merge is and what the outer optimizer makes of it.</summary>
public sealed record RoundsEntry
{
    /// <summary>Merges.</summary>
    public int Rounds { get; init; } = 10;

    /// <summary>Amount of tuning between merges, in the unit of <see cref="CountsSteps"/>.</summary>
    public int Every { get; init; } = 1;

    /// <summary>True: <see cref="Every"/> counts optimizer steps; false: epochs.</summary>
    public bool CountsSteps { get; init; }

    /// <summary>Factor of the summed task vectors; null is 1/T.</summary>
    public double? Alpha { get; init; }

    /// <summary><c>none</c>, <c>nesterov</c> or <c>adam</c>.</summary>
    public string Outer { get; init; } = "none";

    /// <summary>μ of Nesterov, β1 of Adam.</summary>
    public double OuterMomentum { get; init; } = 0.9;

    /// <summary>Step size of the outer Adam.</summary>
    public double OuterLearningRate { get; init; } = 1e-3;

    /// <summary>True: each task keeps its optimizer's moments over rounds.</summary>
    public bool KeepsInnerState { get; init; }

    /// <summary>The merge inside a round: <c>mean</c> or <c>ties</c>.</summary>
    public string Merge { get; init; } = "mean";

    /// <summary>Post hoc: the entry whose model it goes on from; null is the pre-trained model.</summary>
    public MethodEntry? Start { get; init; }

    /// <summary>Tunes on the validation split (PH-ATM) instead of the training split (PA-ATM).</summary>
    public bool OnValidation { get; init; }

    internal static RoundsEntry Read(string kind, YamlMapping options, IReadOnlyList<MethodEntry> above)
    {
        bool momentum = kind == "atm-momentum", postHoc = kind == "atm-post-hoc";
        (int every, bool countsSteps) = MergeEvery(options);
        return new RoundsEntry
        {
            Rounds = (int)options.Integer("rounds", 10, 1, 1_000_000),
            Every = every,
            CountsSteps = countsSteps,
            Alpha = options.Take("alpha") is null ? null : options.Number("alpha", 0),
            Outer = options.Choice("outer", momentum ? "nesterov" : "none", "none", "nesterov", "adam"),
            OuterMomentum = options.Number("outer_momentum", 0.9, 0, 0.9999),
            OuterLearningRate = options.NumberAbove("outer_learning_rate", 1e-3, 0),
            KeepsInnerState = options.Choice("inner_state", momentum ? "kept" : "fresh", "fresh", "kept") == "kept",
            Merge = options.Choice("merge", "mean", "mean", "ties"),
            Start = postHoc ? StartOf(options, above) : null,
            OnValidation = options.Choice("split", postHoc ? "validation" : "train", "train", "validation") == "validation",
        };
    }

    /// <summary>A row above, by its name, or by its kind where there is one of that kind.</summary>
    private static MethodEntry? StartOf(YamlMapping options, IReadOnlyList<MethodEntry> above)
    {
        YamlValue? value = options.Take("start");
        string name = value?.AsScalar("'start'").Text ?? "task-arithmetic";
        if (name == "pretrained") return null;
        MethodEntry[] ofKind = [.. above.Where(m => m.Kind == name)];
        MethodEntry? start = above.FirstOrDefault(m => m.Name == name) ?? (ofKind.Length == 1 ? ofKind[0] : null);
        if (start is { Kind: "pretrained" }) return null;
        if (start is { Kind: not "individual" }) return start;
        string rows = string.Join(", ", above.Where(m => m.Kind is not "individual" and not "pretrained").Select(m => m.Name).Prepend("pretrained"));
        string fault = $"the start is '{name}', expected the row of one model above this one: {rows}.";
        throw value is null ? options.Error(fault) : value.Error(fault);
    }

    /// <summary><c>epochs: 2</c>, or <c>merge_every: 6 steps</c>, <c>merge_every: 2 epochs</c>, <c>merge_every: steps</c> with <c>every: 6</c>.</summary>
    private static (int Every, bool CountsSteps) MergeEvery(YamlMapping options)
    {
        YamlValue? value = options.Take("merge_every");
        bool hasEpochs = options.Take("epochs") is not null;
        if (value is null) return ((int)options.Integer("epochs", 1, 1, 1_000_000), false);
        if (hasEpochs) throw value.Error("give 'epochs' or 'merge_every', not both.");
        string text = value.AsScalar("'merge_every'").Text;
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        long count = words.Length == 1 ? options.Integer("every", 1, 1, 1_000_000) : 0;
        bool known = words.Length is 1 or 2 && words[^1] is "step" or "steps" or "epoch" or "epochs";
        if (!known || (words.Length == 2 && (!long.TryParse(words[0], out count) || count is < 1 or > 1_000_000)))
            throw value.Error($"'merge_every' must be a number of steps or epochs, such as '6 steps', found '{text}'.");
        return ((int)count, words[^1].StartsWith("step", StringComparison.Ordinal));
    }
}
