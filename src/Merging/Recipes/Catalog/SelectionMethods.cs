using static MergeEngine.Merging.Recipes.Catalog.Describe;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>Methods that take from each model what their own statistic selects; all but Model Stock are mergekit's alone.</summary>
internal static class SelectionMethods
{
    private static readonly MethodParameter s_epsilon = Number("epsilon", 1e-5, "largest difference that counts as untouched", 0);

    private static readonly MethodDescription s_modelStock = new("model_stock", Dialect.Mergekit, "interpolation between the base and the average, by the angle between the models", BaseRole.Required, 2)
    {
        Shared = [Flag("filter_wise", false, "an angle for each row in place of each tensor")],
        Source = "Jang et al., arXiv 2403.19522",
    };

    public static IReadOnlyList<MethodDescription> All { get; } =
    [
        s_modelStock,
        s_modelStock with { Dialect = Dialect.Paper },
        new("sce", Dialect.Mergekit, "positions of largest variance, weighted by energy, with an election of signs", BaseRole.Required, 1)
        {
            Shared = [Number("select_topk", 1, "share of the positions that is kept", 0, 1), Int8Mask],
            Source = "Wan et al., arXiv 2408.07990",
        },
        new("arcee_fusion", Dialect.Mergekit, "values of one model whose importance is an outlier", BaseRole.Required, 1) { MostModels = 1, Source = "mergekit" },
        new("nearswap", Dialect.Mergekit, "interpolation towards one model where it is near the base", BaseRole.Required, 1)
        {
            MostModels = 1,
            Shared = [RequiredNumber("t", "difference at and below which the model's value is taken", 0)],
            Source = "mergekit",
        },
        new("ram", Dialect.Mergekit, "differences of one owner whole, shared ones averaged", BaseRole.Required, 1) { Shared = [s_epsilon], Source = "mergekit" },
        new("ramplus_tl", Dialect.Mergekit, "as ram, with the differences of one owner amplified by what it shares", BaseRole.Required, 1)
        {
            Shared = [Number("r", 0.1, "strength of the amplification"), Number("alpha", 0.2, "largest ratio of shared to own values that counts", 0), s_epsilon],
            Source = "mergekit",
        },
    ];
}
