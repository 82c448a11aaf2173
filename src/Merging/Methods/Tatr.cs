using MergeEngine.Merging.Methods.Statistics;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// Task arithmetic in a trust region: θ = θ_0 + Σ_k λ_k·(m ⊙ τ_k), where m keeps the coordinates of a <see cref="TrustRegion"/>.
/// </summary>
/// <remarks>
/// Sun et al., arXiv 2501.15065. A coordinate outside the region keeps the base's exact bits. With one task, or ρ = 1, the result is
/// <see cref="TaskArithmetic"/> bit for bit. Statistic: a radix selection over Ω.
/// <list type="table">
/// <listheader><term>parameter</term><description>meaning</description></listheader>
/// <item><term>ρ, zero-shot</term><description>see <see cref="TrustRegion"/></description></item>
/// <item><term>λ</term><description>scaling coefficient, one for all tasks or one for each; 0.3 in the paper's benchmark</description></item>
/// </list>
/// </remarks>
public sealed class Tatr(TrustRegion region, Coefficients lambda) : MergeMethod
{
    public override string Name => Region.ZeroShot ? "tatr-zero-shot" : "tatr";

    public TrustRegion Region { get; } = region;

    public Coefficients Lambda { get; } = lambda;

    public override bool NeedsGradients => Region.NeedsGradients;

    public override IReadOnlyList<MethodParameter> Parameters => [Region.Parameter, new("lambda", Lambda.ToString())];

    protected override MergePlan CreatePlan(MergeShape shape) =>
        new TatrPlan(shape, new TrustRegionSelection(Region, shape), Lambda.ForTasks(shape.TaskCount));

    private sealed class TatrPlan(MergeShape shape, TrustRegionSelection selection, float[] weights) : SequencePlan(selection)
    {
        public override void Map(in MergeChunk chunk) => shape.Device.Operations.AddWeightedSum(
            chunk.Output, chunk.Origin, chunk.TaskVectors, weights, selection.DropsAny ? selection.Mask(chunk) : default);

        protected override void Dispose(bool disposing)
        {
            if (disposing) selection.Dispose();
            base.Dispose(disposing);
        }
    }
}
