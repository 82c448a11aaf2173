using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>
/// Iso-CTS (Marczak et al., arXiv 2502.04959): the leading directions of the sum of the differences, M = Σ_k D_k, are common to all tasks; what each task has outside of
/// them adds its own. With r the shorter side of the matrix and K models: s = round((r − ⌊share·r⌋)/K) directions for each task, U_c, σ_c, V_c the leading r − K·s singular vectors of M,
/// and for each task the leading s of (I − U_c·U_cᵀ)·D_k. All side by side, made orthonormal as U⊥ and V⊥, every singular value replaced by the mean of all:
/// output = b + λ·mean(σ)·U⊥·V⊥ᵀ.
/// </summary>
/// <remarks>
/// Parameters: lambda, 1 unless given (the paper finds 1.5, 1.2 and 1.1 for 8, 14 and 20 tasks with ViT-B/32); common_share, 0.8. Rounding is to the nearest even number, as in the authors'
/// code. Tensors that are no matrices get the mean of the differences. Directions without strength (σ below 10⁻⁷ of the largest of M) take no part and do not count in the mean.
/// The error is about 10⁻⁶ of mean(σ), over the smallest singular value of the vectors side by side.
/// </remarks>
public sealed class IsotropicCommonTask : TensorMethod
{
    public override string Name => "iso_cts";

    public override TensorMerge Begin(TensorTask task) => SpectralMethods.Begin(task, Name, 1, () =>
    {
        int rows = (int)task.Shape[0], columns = (int)task.Shape[1], shorter = Math.Min(rows, columns);
        (int common, int each) = Counts(shorter, task.Parameters.Models.Count, task.Parameters.Number("common_share"));
        return new MatrixMerge(task, Name, Directions.Room(rows, columns, shorter) + ((long)common * columns), each, common, (space, result) => Merge(space, result, common, each));
    });

    private static (int Common, int Each) Counts(int shorter, int models, double share)
    {
        int each = (int)Math.Round((shorter - (int)(shorter * share)) / (double)models), common = shorter - (each * models);
        // Rounding up may ask for more than there is.
        return common < 0 ? (common + models, each - 1) : (common, each);
    }

    private static void Merge(MatrixSpace space, Matrix result, int common, int each)
    {
        using var directions = new Directions(space, space.Shorter);
        space.Sum(result);
        directions.AddLeading(result, common);
        directions.AddEach(result, each);
        directions.Combine(result, static s => s.Average());
    }
}
