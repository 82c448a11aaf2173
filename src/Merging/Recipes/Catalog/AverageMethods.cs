using static MergeEngine.Merging.Recipes.Catalog.Describe;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>Averages on lines and on spheres, and the plain copy.</summary>
internal static class AverageMethods
{
    private static readonly MethodParameter s_weight = Weight("weight of the model");

    private static readonly MethodDescription s_linear = new("linear", Dialect.Mergekit, "weighted average of the models", BaseRole.Input, 1)
    {
        Shared = [Flag("normalize", true, "divide by the sum of the weights")],
        PerModel = [s_weight],
        Source = "Wortsman et al., arXiv 2203.05482",
        Condition = p => p.Flag("normalize") ? MethodConditions.NonzeroSumOfWeights(p) : null,
    };

    public static IReadOnlyList<MethodDescription> All { get; } =
    [
        s_linear,
        s_linear with { Dialect = Dialect.Paper },
        new("slerp", Dialect.Mergekit, "spherical interpolation from the base to one model", BaseRole.Required, 1)
        {
            MostModels = 1,
            Shared = [RequiredNumber("t", "place between the base (0) and the model (1); outside of [0, 1] it extrapolates")],
            Source = "Shoemake, SIGGRAPH 1985",
        },
        new("nuslerp", Dialect.Mergekit, "spherical interpolation of two models, or of their differences from a base", BaseRole.Optional, 2)
        {
            MostModels = 2,
            Shared =
            [
                Flag("nuslerp_row_wise", false, "with nuslerp_flatten: false, along dimension 0 in place of the last one"),
                Flag("nuslerp_flatten", true, "take each tensor as one vector"),
            ],
            PerModel = [s_weight],
            Source = "mergekit",
        },
        new("multislerp", Dialect.Mergekit, "barycentre of several models on the sphere, to first order, or of their differences from a base", BaseRole.Optional, 1)
        {
            Shared = [Flag("normalize_weights", true, "divide by the sum of the weights"), Number("eps", 1e-8, "what is added to a norm before a division", 0)],
            PerModel = [s_weight],
            Source = "mergekit",
            Condition = p => p.Models.Count > 1 && p.Flag("normalize_weights") ? MethodConditions.NonzeroSumOfWeights(p) : null,
        },
        new("karcher", Dialect.Mergekit, "Riemannian barycentre of the models on the sphere", BaseRole.Input, 1)
        {
            Shared = [Integer("max_iter", 10, "most iterations", 0), Number("tol", 1e-5, "length of a step at which the iteration ends", 0)],
            Source = "Karcher, Comm. Pure Appl. Math. 30 (1977)",
        },
        new("passthrough", Dialect.Mergekit, "one model, unchanged or scaled", BaseRole.Input, 1)
        {
            MostModels = 1,
            PerModel = [Number("scale", 1, "factor")],
            Source = "mergekit",
        },
    ];
}
