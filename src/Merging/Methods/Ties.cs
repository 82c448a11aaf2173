using System.Globalization;
using MergeEngine.Merging.Methods.Statistics;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// TIES-Merging as published: trim, elect sign, disjoint mean; θ = θ_0 + λ·TIES(τ).
/// </summary>
/// <remarks>
/// Yadav et al., "TIES-Merging: resolving interference when merging models", arXiv 2306.01708.
/// <list type="number">
/// <item>Trim: of every τ_k keep the floor(density·d + 0.5) largest |τ_k[i]| over the whole model of d parameters, equal values by
/// lowest index first: τ̂_k.</item>
/// <item>Elect: γ[i] = sign(Σ_k τ̂_k[i]); where that is 0, the sign of Σ_i γ[i], or +1 if that is 0 too.</item>
/// <item>Disjoint mean: the mean of the nonzero τ̂_k[i] whose sign is γ[i]; 0 where there is none.</item>
/// </list>
/// Statistics: a radix selection of each trim threshold, then the sum of the elected signs.
/// <list type="table">
/// <listheader><term>parameter</term><description>meaning</description></listheader>
/// <item><term>density</term><description>share that the trim keeps, in (0, 1]; 0.2 as published</description></item>
/// <item><term>λ</term><description>scaling of the merged task vector; 1 as published, tuned within 0.8 … 2.5</description></item>
/// </list>
/// </remarks>
public sealed class Ties : MergeMethod
{
    /// <exception cref="ArgumentException">The density is outside (0, 1], or λ is not a finite number.</exception>
    public Ties(double density = 0.2, double lambda = 1)
    {
        if (!(density > 0 && density <= 1)) throw new ArgumentException($"The density of TIES is {density}, expected a number above 0 and at most 1.", nameof(density));
        if (!double.IsFinite(lambda)) throw new ArgumentException($"A coefficient λ is {lambda}, expected a finite number.", nameof(lambda));
        Density = density;
        Lambda = lambda;
    }

    public override string Name => "ties";

    public double Density { get; }

    public double Lambda { get; }

    public override IReadOnlyList<MethodParameter> Parameters =>
    [
        new("density", Density.ToString("0.######", CultureInfo.InvariantCulture)), new("lambda", Lambda.ToString("0.######", CultureInfo.InvariantCulture)),
    ];

    /// <summary>How many of the largest values a density keeps of a whole model of <paramref name="length"/> parameters.</summary>
    internal static long CountOf(double density, long length) => (long)Math.Floor((density * length) + 0.5);

    protected override MergePlan CreatePlan(MergeShape shape)
    {
        var trim = new MagnitudeSelections(shape.Device, [.. Enumerable.Repeat(CountOf(Density, shape.ParameterCount), shape.TaskCount)]);
        return new TiesPlan(shape, trim, new MajoritySign(shape, trim), (float)Lambda);
    }

    private sealed class TiesPlan(MergeShape shape, MagnitudeSelections trim, MajoritySign majority, float lambda) : SequencePlan(trim, majority)
    {
        private readonly Scratch<float> _mean = new(shape.Device);

        public override void Map(in MergeChunk chunk)
        {
            DeviceSpan<float> mean = _mean.Take(chunk.Length);
            shape.Device.Operations.DisjointMean(mean, chunk.TaskVectors, trim.Kept, majority.Sign, chunk.FirstIndex);
            shape.Device.Operations.AddWeightedSum(chunk.Output, chunk.Origin, [mean], [lambda]);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _mean.Dispose();
            base.Dispose(disposing);
        }
    }
}
