using static MergeEngine.Merging.Recipes.Catalog.Describe;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>Task arithmetic and what is built on it: differences from a base, thinned out, weighted, added up, perhaps with an election of signs.</summary>
internal static class TaskVectorMethods
{
    private static readonly MethodParameter s_weight = Weight("weight of the model's difference from the base");
    private static readonly MethodParameter s_meanWeight = Weight("weight of the model in the mean", 1);
    private static readonly MethodParameter s_lambda = Number("lambda", 1, "factor of the merged difference");
    private static readonly MethodParameter s_density = Number("density", 1, "share of each tensor's difference that is kept: nothing of it at 0, everything at 1", 0, 1);
    private static readonly MethodParameter s_gamma = Number("gamma", 0.01, "share of the largest values of each tensor that is dropped", 0, 1);
    private static readonly MethodParameter s_epsilon = Number("epsilon", 0.15, "half the span of the keep probabilities around density; less than density and than 1 - density, unless density is 0 or 1", 0, 1);

    /// <summary>As mergekit computes them. Zero models are allowed: a slice may keep the base's layers.</summary>
    public static IReadOnlyList<MethodDescription> Mergekit { get; } =
    [
        Of("task_arithmetic", "sum of weighted differences", "Ilharco et al., arXiv 2212.04089", normalize: false, rescale: false, []),
        Of("ties", "largest values only, with an election of signs", "Yadav et al., arXiv 2306.01708", normalize: true, rescale: false, [s_density]),
        Of("dare_linear", "random values only", "Yu et al., arXiv 2311.03099", normalize: false, rescale: true, [s_density]),
        Of("dare_ties", "random values only, with an election of signs", "Yu et al., arXiv 2311.03099", normalize: false, rescale: true, [s_density]),
        Of("breadcrumbs", "neither the largest nor the smallest values", "Davari and Belilovsky, arXiv 2312.06795", normalize: false, rescale: false, [s_density, s_gamma]),
        Of("breadcrumbs_ties", "neither the largest nor the smallest values, with an election of signs", "Davari and Belilovsky, arXiv 2312.06795", normalize: false, rescale: false, [s_density, s_gamma]),
        Of("della", "random values, the large ones more likely, with an election of signs", "Deep et al., arXiv 2406.11617", normalize: true, rescale: true, [s_density, s_epsilon]),
        Of("della_linear", "random values, the large ones more likely", "Deep et al., arXiv 2406.11617", normalize: false, rescale: true, [s_density, s_epsilon]),
    ];

    /// <summary>As published: no switches, the scale that the paper derives. A combination that nobody published is mergekit's alone.</summary>
    public static IReadOnlyList<MethodDescription> Paper { get; } =
    [
        .. Mergekit.Where(m => m.Name is "task_arithmetic" or "dare_linear" or "breadcrumbs").Select(m => m with { Dialect = Dialect.Paper, Shared = [s_lambda, Int8Mask] }),
        new("dare_ties", Dialect.Paper, "random values only, with an election of unweighted signs and a disjoint mean", BaseRole.Required, 1)
        {
            Shared = [s_lambda, Int8Mask],
            PerModel = [s_meanWeight, s_density],
            Source = "Yu et al., arXiv 2311.03099",
        },
        new("ties", Dialect.Paper, "largest values of the whole model only, with an election of unweighted signs and a disjoint mean", BaseRole.Required, 1)
        {
            Shared = [s_lambda, Int8Mask],
            PerModel =
            [
                s_meanWeight,
                Number("density", 0.2, "share of the whole model's difference that is kept: nothing of it at 0, everything at 1", 0, 1) with { WholeModel = true },
            ],
            Source = "Yadav et al., arXiv 2306.01708",
        },
    ];

    private static MethodDescription Of(string name, string summary, string source, bool normalize, bool rescale, MethodParameter[] perModel) =>
        new(name, Dialect.Mergekit, summary, BaseRole.Required, 0)
        {
            Shared =
            [
                Flag("normalize", normalize, "divide by the sum of the weights that agree, unless it is 0"),
                Flag("rescale", rescale, "give the thinned difference the L1 norm that it had"),
                s_lambda,
                Int8Mask,
            ],
            PerModel = [s_weight, .. perModel],
            Source = source,
            Condition = perModel.Contains(s_epsilon) ? MethodConditions.KeepProbabilities : null,
        };
}
