using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// Any method over task vectors that were restricted to a <see cref="TrustRegion"/> first: τ_k ← m ⊙ τ_k, then the method unchanged.
/// </summary>
/// <remarks>
/// How Sun et al. (arXiv 2501.15065) put TATR before TIES and others. The mask comes from the task vectors as they were given; the inner
/// method then counts as if nothing had been dropped (TIES keeps its share of all d parameters). Statistics: Ω's, then the inner
/// method's over the restricted chunks.
/// </remarks>
public sealed class InTrustRegion(TrustRegion region, MergeMethod inner) : MergeMethod
{
    public override string Name => $"{(Region.ZeroShot ? "tatr-zero-shot" : "tatr")}-{Inner.Name}";

    public TrustRegion Region { get; } = region;

    public MergeMethod Inner { get; } = inner;

    public override bool NeedsGradients => Region.NeedsGradients || Inner.NeedsGradients;

    public override IReadOnlyList<MethodParameter> Parameters => [Region.Parameter, .. Inner.Parameters];

    protected override MergePlan CreatePlan(MergeShape shape) => new Restricted(shape, new TrustRegionSelection(Region, shape), Inner.Plan(shape));

    private sealed class Restricted(MergeShape shape, TrustRegionSelection selection, MergePlan inner) : MergePlan
    {
        private readonly Scratch<float> _values = new(shape.Device);
        private readonly DeviceSpan<float>[] _restricted = new DeviceSpan<float>[shape.TaskCount];

        public override bool NeedsPass => !selection.IsComplete || inner.NeedsPass;

        public override void Accumulate(in MergeChunk chunk)
        {
            if (selection.IsComplete) inner.Accumulate(Restrict(chunk));
            else selection.Accumulate(chunk);
        }

        public override void CompletePass()
        {
            if (selection.IsComplete) inner.CompletePass();
            else selection.CompletePass();
        }

        public override void Map(in MergeChunk chunk) => inner.Map(Restrict(chunk));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                selection.Dispose();
                inner.Dispose();
                _values.Dispose();
            }

            base.Dispose(disposing);
        }

        private MergeChunk Restrict(in MergeChunk chunk)
        {
            if (!selection.DropsAny) return chunk;
            DeviceSpan<byte> mask = selection.Mask(chunk);
            DeviceSpan<float> values = _values.Take(chunk.Length * shape.TaskCount);
            for (int k = 0; k < _restricted.Length; k++)
            {
                _restricted[k] = values.Slice(k * chunk.Length, chunk.Length);
                shape.Device.Operations.ApplyMask(_restricted[k], chunk.TaskVectors[k], mask);
            }

            return chunk.WithTaskVectors(_restricted);
        }
    }
}
