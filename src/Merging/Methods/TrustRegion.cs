using System.Globalization;

namespace MergeEngine.Merging.Methods;

/// <summary>
/// The coordinates that TATR lets a merge touch: those whose sensitivity Ω, over all pairs of tasks, is not among the largest.
/// </summary>
/// <remarks>
/// Sun et al., "Task Arithmetic in Trust Region", arXiv 2501.15065, equation 5:
/// Ω[i] = Σ_j Σ_{k≠j} ḡ_j[i]·|τ_k[i]|, where ḡ_j is the mean over samples of task j of |∂loss/∂θ| at θ_0. In the zero-shot form the task
/// vectors stand in for the gradients, ḡ_j = |τ_j|. One mask serves all tasks.
/// <para>
/// Exactly: a coordinate is live where some τ_k ≠ 0; there are n. The n − floor(ρ·n + 0.5) live coordinates with the largest Ω are dropped,
/// among equals the lowest index first. Dead coordinates (frozen, gaps) are never counted and never dropped, so ρ means the same however
/// much of a model was frozen. With one task, or ρ = 1, nothing is dropped.
/// </para>
/// <list type="table">
/// <listheader><term>parameter</term><description>meaning</description></listheader>
/// <item><term>ρ</term><description>kept share of the live coordinates, in [0, 1]; 0.99 in the released code</description></item>
/// <item><term>zero-shot</term><description>no gradients needed: |τ_j| in the place of ḡ_j</description></item>
/// </list>
/// </remarks>
public sealed class TrustRegion
{
    /// <exception cref="ArgumentException">ρ is outside [0, 1].</exception>
    public TrustRegion(double rho, bool zeroShot = false)
    {
        if (!(rho >= 0 && rho <= 1)) throw new ArgumentException($"The kept share ρ of a trust region is {rho}, expected a number from 0 to 1.", nameof(rho));
        Rho = rho;
        ZeroShot = zeroShot;
    }

    public double Rho { get; }

    public bool ZeroShot { get; }

    /// <summary>Whether anything can be dropped at all.</summary>
    internal bool Restricts(int tasks) => tasks > 1 && Rho < 1;

    internal bool NeedsGradients => !ZeroShot && Rho < 1;

    /// <summary>How many of <paramref name="live"/> coordinates are dropped.</summary>
    internal long DroppedOf(long live) => live - (long)Math.Floor((Rho * live) + 0.5);

    internal MethodParameter Parameter => new("rho", Rho.ToString("0.######", CultureInfo.InvariantCulture));
}
