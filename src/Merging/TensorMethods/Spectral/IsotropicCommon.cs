namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>
/// Iso-C (Marczak et al., arXiv 2502.04959): the sum of the differences of a matrix, M = Σ_k D_k = U·diag(σ)·Vᵀ, with every singular value replaced by their mean:
/// output = b + λ·mean(σ)·U·Vᵀ.
/// </summary>
/// <remarks>
/// Parameter: lambda, 1 unless given; the paper finds 1.3, 1.0 and 0.9 for 8, 14 and 20 tasks with ViT-B/32. Tensors that are no matrices get the mean of the differences. The mean is
/// taken over the directions that M has (σ above 10⁻⁷ of the largest), and the others stay without strength. The polar factor U·Vᵀ is made in float64 and rounded once, with an error of
/// about 10⁻⁷ of mean(σ) where no σ is below 10⁻⁴ of the largest, and below that of 10⁻¹⁵ times the square of the largest over the smallest.
/// </remarks>
public sealed class IsotropicCommon : TensorMethod
{
    public override string Name => "iso_c";

    public override TensorMerge Begin(TensorTask task) =>
        SpectralMethods.Begin(task, Name, 1, () => new SumMerge(task, Name, static (space, sum) => space.MakeIsotropic(sum)));
}
