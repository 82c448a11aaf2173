using static MergeEngine.Merging.Recipes.Catalog.Describe;

namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>Published methods that mergekit lacks. Where strength is a matter of search, the recipe must state it.</summary>
internal static class ResearchMethods
{
    private static readonly MethodParameter s_weight = Weight("weight of the model's difference from the base");
    private static readonly MethodParameter s_plainWeight = Weight("weight of the model's difference from the base", 1);
    private static readonly MethodParameter s_lambda = Number("lambda", 1, "factor of the merged difference");
    private static readonly MethodParameter s_statedLambda = RequiredNumber("lambda", "factor of the merged difference");

    public static IReadOnlyList<MethodDescription> All { get; } =
    [
        Of("tatr", "task arithmetic inside the trust region where no task's gradient meets another's difference", "Sun et al., arXiv 2501.15065",
            [s_lambda, Number("rho", 0.99, "share of the live positions that is kept", 0, 1) with { WholeModel = true }],
            [s_weight, new("gradients", ParameterType.File, "mean absolute gradient of the model's task at the base; for no model: zero-shot") { WholeModel = true, OnlyWithModel = true, AllOrNone = true }]),
        Of("magmax", "at each position the difference of largest magnitude", "Marczak et al., arXiv 2407.06322", [Number("lambda", 0.5, "factor of the merged difference")], []),
        Of("lines", "task arithmetic with a factor that grows from alpha at the first layer to alpha + beta at the last", "Wang et al., arXiv 2410.17146",
            [
                new("alpha", ParameterType.Number, "factor at the first layer and outside of the layers; none: from the norms of the merged difference") { WholeModel = true },
                RequiredNumber("beta", "what the last layer has more") with { WholeModel = true },
            ],
            [s_plainWeight]),
        Of("consensus", "task arithmetic at positions that several tasks need (TALL masks)", "Wang et al., arXiv 2405.07813",
            [s_statedLambda, Integer("least_models", 2, "models whose masks must hold a position", 1)],
            [s_plainWeight, Number("mask_lambda", 0.4, "share of the others' difference that a position's own must exceed", 0)]) with
        {
            LeastModelsParameter = "least_models",
            Condition = p => p.Integer("least_models") is var least && least > p.Models.Count ? $"'least_models' is {least}, and there {Describe.Are(p.Models.Count)}" : null,
        },
        Of("pcb", "differences weighted by competition within and between tasks", "Du et al., arXiv 2410.02396",
            [Number("lambda", 1.2, "factor of the merged difference"), Number("ratio", 0.05, "share of the positions that is kept", 0, 1) with { WholeModel = true }],
            [s_plainWeight]),
        Of("emr", "largest values in the elected sign; with a mask and a scale for the model that is asked for", "Huang et al., arXiv 2405.17461",
            [s_lambda, new("task", ParameterType.Integer, "number of the model, from 1, whose mask and scale are applied; none: the unified difference alone") { Least = 1, Most = int.MaxValue, WholeModel = true }],
            []) with
        {
            Condition = p => p.IntegerOrNull("task") is { } task && task > p.Models.Count ? $"'task' is {task}, and there {Describe.Are(p.Models.Count)}" : null,
        },
        new("fisher", Dialect.Paper, "average weighted by each model's Fisher information", BaseRole.Optional, 1)
        {
            Shared = [Number("floor", 1e-6, "smallest information of a value", 0), Flag("normalize", false, "divide each model's information by its norm over the whole model") with { WholeModel = true }],
            PerModel =
            [
                Weight("weight of the model", 1),
                new("fisher", ParameterType.File, "diagonal Fisher information of the model") { Required = true, WholeModel = true, OnlyWithModel = true },
            ],
            Source = "Matena and Raffel, arXiv 2111.09832",
        },
        Of("tsv", "leading singular vectors of each difference, decorrelated between tasks", "Gargiulo et al., arXiv 2412.00081", [s_lambda], []),
        Of("iso_c", "the summed difference with all singular values made equal", "Marczak et al., arXiv 2502.04959", [s_lambda], []),
        Of("iso_cts", "as iso_c, with directions of each task beside the common ones", "Marczak et al., arXiv 2502.04959",
            [s_lambda, Number("common_share", 0.8, "share of the singular directions that is common to all tasks", 0, 1)], []),
    ];

    private static MethodDescription Of(string name, string summary, string source, MethodParameter[] shared, MethodParameter[] perModel) =>
        new(name, Dialect.Paper, summary, BaseRole.Required, 1) { Shared = shared, PerModel = perModel, Source = source };
}
