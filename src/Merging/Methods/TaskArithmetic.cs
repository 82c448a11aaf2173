namespace MergeEngine.Merging.Methods;

/// <summary>
/// Task arithmetic: θ = θ_0 + Σ_k λ_k·τ_k, in float32 fused multiply-adds in the order of the tasks. No statistic.
/// </summary>
/// <remarks>
/// Ilharco et al., "Editing models with task arithmetic", arXiv 2212.04089. Adding tasks: λ &gt; 0, one for all and chosen on validation data
/// (0.3 is the usual guess for 8 vision tasks). Forgetting a task: λ &lt; 0.
/// <list type="table">
/// <listheader><term>parameter</term><description>meaning</description></listheader>
/// <item><term>λ</term><description>scaling coefficient, one for all tasks or one for each</description></item>
/// </list>
/// </remarks>
public sealed class TaskArithmetic(Coefficients lambda) : MergeMethod
{
    public override string Name => "task-arithmetic";

    public Coefficients Lambda { get; } = lambda;

    public override IReadOnlyList<MethodParameter> Parameters => [new("lambda", Lambda.ToString())];

    /// <summary>Takes tasks out of a model: θ = θ_0 − Σ_k λ·τ_k.</summary>
    public static TaskArithmetic Negation(double lambda) => new(-lambda);

    protected override MergePlan CreatePlan(MergeShape shape) => new WeightedSumPlan(shape, Lambda.ForTasks(shape.TaskCount));
}
