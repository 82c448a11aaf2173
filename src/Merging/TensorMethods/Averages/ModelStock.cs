using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.TensorMethods.Geometry;

namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>
/// Between the base b and the mean of N models, by the angle between their differences from it: t·mean(x) + (1 − t)·b, t = N c/(1 + (N − 1) c), c the cosine
/// of the angle (Jang et al., arXiv 2403.19522); of whole tensors, or of rows with <c>filter_wise</c>.
/// </summary>
/// <remarks>
/// Parameter: filter_wise. Dialects: mergekit takes the mean of the cosines of all pairs, with products of lengths of at least 1e-6, does not limit t, and keeps the base where
/// |1 + (N − 1) c| &lt; 1e-6. The paper takes the cosine of the mean angle; there t stays in [0, 1], since differences that point apart agree on nothing and
/// the weight of their mean is none. Untouched models have no angle and count as perpendicular to the others in both. A value that is not finite leaves a model no angle either:
/// in mergekit's dialect it makes the whole tensor NaN, or with filter_wise its row, as in mergekit; in the paper's such a model counts as perpendicular, and the result has one such value in the same place.
/// </remarks>
public sealed class ModelStock(Dialect dialect) : TensorMethod
{
    private const double LeastProduct = 1e-6;

    public override string Name => "model_stock";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task) => Weighed(task).Begin(task);

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output) => Weighed(task).MergeFloat64(task, inputs, output);

    private WeighedMerge Weighed(TensorTask task)
    {
        int origin = RequiredBase.Of(task, Name);
        int[] models = [.. task.Parameters.Models];
        Weighing weighing = dialect == Dialect.Mergekit ? ByCosines : ByAngles;
        return new WeighedMerge(models, origin, weighing, task.Parameters.Flag("filter_wise") ? WeighedPart.Row : WeighedPart.Tensor);
    }

    private static void ByCosines(GramMatrix gram, Span<double> shares)
    {
        double sum = 0;
        int count = gram.Count;
        for (int i = 1; i < count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                double product = gram.Norm(i) * gram.Norm(j);
                sum += product > LeastProduct ? gram.Cosine(i, j) : Math.Clamp(gram[i, j] / LeastProduct, -1, 1);
            }
        }

        double c = count < 2 ? 1 : sum / (count * (count - 1) / 2), divisor = 1 + ((count - 1) * c);
        shares.Fill(Math.Abs(divisor) < 1e-6 ? 0 : c / divisor);
    }

    private static void ByAngles(GramMatrix gram, Span<double> shares)
    {
        double sum = 0;
        int count = gram.Count;
        for (int i = 1; i < count; i++)
        {
            for (int j = 0; j < i; j++) sum += HasDirection(gram[i, i]) && HasDirection(gram[j, j]) ? Math.Acos(gram.Cosine(i, j)) : Math.PI / 2;
        }

        double c = count < 2 ? 1 : Math.Max(0, Math.Cos(sum / (count * (count - 1) / 2)));
        shares.Fill(c / (1 + ((count - 1) * c)));
    }

    /// <summary>Whether a model with this square of a length has one: not if it is untouched, and not if a value of it is NaN or infinite.</summary>
    private static bool HasDirection(double square) => square > 0 && double.IsFinite(square);
}
