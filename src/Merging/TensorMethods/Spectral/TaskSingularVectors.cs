using MergeEngine.Tensors;

namespace MergeEngine.Merging.TensorMethods.Spectral;

/// <summary>
/// TSV-Merge (Gargiulo et al., arXiv 2412.00081): of each of the K differences of a matrix, D_k = U_k·Σ_k·V_kᵀ, the leading ⌊r/K⌋ singular vectors, r its shorter side; all
/// side by side in U, Σ, V; U⊥ and V⊥ the nearest matrices of orthonormal vectors (U⊥ = P·Qᵀ where U = P·S·Qᵀ), so that tasks do not interfere. output = b + λ·U⊥·Σ·V⊥ᵀ.
/// </summary>
/// <remarks>
/// Parameter: lambda, 1 unless given; the paper searches 0.1 to 3. Tensors that are no matrices, and matrices with a side shorter than K, get the mean of the differences. Singular
/// vectors of a difference without strength there (a tensor that a model did not touch) and directions that several models share to 10⁻⁵ are not filled up with arbitrary
/// ones: the same model twice is that model. Vectors are rounded to float32, products are float32: an error of about 10⁻⁶ of the largest singular value.
/// </remarks>
public sealed class TaskSingularVectors : TensorMethod
{
    public override string Name => "tsv";

    public override TensorMerge Begin(TensorTask task) => SpectralMethods.Begin(task, Name, task?.Parameters.Models.Count ?? 0, () =>
    {
        int rows = (int)task!.Shape[0], columns = (int)task.Shape[1], models = task.Parameters.Models.Count, each = Math.Min(rows, columns) / models;
        return new MatrixMerge(task, Name, Directions.Room(rows, columns, each * models), each, common: 0, (space, result) => Merge(space, result, each));
    });

    private static void Merge(MatrixSpace space, Matrix result, int each)
    {
        using var directions = new Directions(space, each * space.Models);
        directions.AddEach(result, each);
        directions.Combine(result, strength: null);
    }
}
